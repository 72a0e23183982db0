package sim

// agenda is what is due, the earliest first: a binary heap.
type agenda struct {
	due    []event
	serial uint64
}

// event is something that is due.
type event struct {
	at     int64
	serial uint64 // of two at one time the older goes first
	run    func()
}

func (e *event) before(o *event) bool { return e.at < o.at || e.at == o.at && e.serial < o.serial }

func (a *agenda) add(at int64, run func()) {
	a.serial++
	a.due = append(a.due, event{at: at, serial: a.serial, run: run})
	q := a.due
	for i := len(q) - 1; i > 0; {
		up := (i - 1) / 2
		if !q[i].before(&q[up]) {
			return
		}
		q[i], q[up] = q[up], q[i]
		i = up
	}
}

// next takes the first event.
func (a *agenda) next() event {
	q := a.due
	first, n := q[0], len(q)-1
	q[0], q[n] = q[n], event{}
	a.due = q[:n]
	q = a.due
	for i := 0; ; {
		least := 2*i + 1
		if least >= n {
			return first
		}
		if least+1 < n && q[least+1].before(&q[least]) {
			least++
		}
		if !q[least].before(&q[i]) {
			return first
		}
		q[i], q[least] = q[least], q[i]
		i = least
	}
}

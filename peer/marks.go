package peer

// floorMarks tell where a log stood at times of the past. What came after a mark is stamped after its time, so they find what is
// below a floor without reading the log. The newest are a heartbeat apart, older ones further and further.
type floorMarks []floorMark

// floorMark says that what follows number is stamped after ms, but for floorSlack.
type floorMark struct{ ms, number uint64 }

// set notes where the log stands now. After a step of time back the marks of the time before say nothing of what follows.
func (m *floorMarks) set(ms, number uint64) {
	list := *m
	for len(list) > 0 && list[len(list)-1].ms >= ms {
		list = list[:len(list)-1]
	}
	if len(list) == maxFloorMarks {
		kept := list[:0]
		for i, k := range list {
			if i >= maxFloorMarks*3/4 || i%2 == 0 {
				kept = append(kept, k)
			}
		}
		list = kept
	}
	*m = append(list, floorMark{ms, number})
}

// above returns the number after which everything is stamped above a floor; head when it cannot tell.
func (m floorMarks) above(floor, head uint64) uint64 {
	ms := floor>>16 + floorSlack
	for _, k := range m {
		if k.ms > ms {
			return k.number
		}
	}
	return head
}

package command

// match reports whether name matches a glob pattern as Redis has it: * ? [abc] [a-z] [^a]
// and \ before a character that is meant as such.
func match(pattern, name []byte) bool {
	ok, _ := try(pattern, name)
	return ok
}

// mostWork is how many bytes of a pattern are looked at for one name: the product of the two lengths would be a tenth of a second.
func mostWork(name []byte) int { return matchWork + 16*len(name) }

// try is match, and tells the work. Of several stars only the last one is ever tried anew, which is enough: the work is at most
// the product of the two lengths. Past mostWork it gives up.
func try(pattern, name []byte) (ok bool, work int) {
	p, n := 0, 0
	star, from := -1, 0 // pattern behind the last star; where in name it was tried last
	most := mostWork(name)
	for n < len(name) {
		if work++; work > most {
			return false, work
		}
		if p < len(pattern) && pattern[p] == '*' {
			p++
			star, from = p, n
			continue
		}
		if p < len(pattern) {
			next, ok := one(pattern, p, name[n])
			if work += next - p; ok {
				p = next
				n++
				continue
			}
		}
		if star < 0 {
			return false, work
		}
		from++
		p, n = star, from
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern), work
}

// one matches a single byte against the element at p, which is no star, and returns the
// offset behind the element. A bracket that never closes ends with the pattern.
func one(pattern []byte, p int, c byte) (next int, ok bool) {
	switch pattern[p] {
	case '?':
		return p + 1, true
	case '[':
		return class(pattern, p+1, c)
	case '\\':
		if p+1 < len(pattern) {
			p++
		}
	}
	return p + 1, pattern[p] == c
}

// class matches a byte against the bracket whose inside starts at p.
func class(pattern []byte, p int, c byte) (next int, ok bool) {
	not := p < len(pattern) && pattern[p] == '^'
	if not {
		p++
	}
	for ; p < len(pattern) && pattern[p] != ']'; p++ {
		switch {
		case pattern[p] == '\\' && p+1 < len(pattern):
			p++
			ok = ok || pattern[p] == c
		case p+2 < len(pattern) && pattern[p+1] == '-':
			low, high := pattern[p], pattern[p+2]
			if low > high {
				low, high = high, low
			}
			ok = ok || low <= c && c <= high
			p += 2
		default:
			ok = ok || pattern[p] == c
		}
	}
	return min(p+1, len(pattern)), ok != not
}

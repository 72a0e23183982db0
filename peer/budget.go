package peer

// budget counts what others make this node do or bear in a minute: nobody may go on with that without end. The zero value has spent nothing.
type budget struct {
	since int64 // when the minute began, boot-time ns
	spent int   // so often since
}

// renew begins to count anew when the minute is over.
func (b *budget) renew(now int64) {
	if now-b.since >= minute {
		*b = budget{since: now}
	}
}

// spend counts once more, unless most are spent already, and reports whether it did.
func (b *budget) spend(now int64, most int) bool {
	b.renew(now)
	if b.spent >= most {
		return false
	}
	b.spent++
	return true
}

package command

import (
	"bytes"
	"strconv"

	"covey/codec"
)

func timeOf(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	us := t.Host.Wall()
	out = codec.AppendArray(out, 2)
	out = codec.AppendBulkInt(out, int64(us/1e6))
	return codec.AppendBulkInt(out, int64(us%1e6)), Done
}

// waitForever stands for the timeout 0 of WAIT, in ms.
const waitForever = 1 << 50

// wait answers when enough peers have acknowledged the connection's last write, or at its
// timeout with how many have (R11).
func wait(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	n, ok := integer(args[1])
	if !ok {
		return codec.AppendError(out, errInteger), Done
	}
	timeout, ok := integer(args[2])
	switch {
	case !ok:
		return codec.AppendError(out, "ERR timeout is not an integer or out of range"), Done
	case timeout < 0:
		return codec.AppendError(out, "ERR timeout is negative"), Done
	case timeout == 0 || timeout > waitForever:
		timeout = waitForever
	}
	if c.tx.begun { // within EXEC nothing waits, as in Redis
		if c.Dirty { // no peer has what this turn has written
			return codec.AppendInt(out, 0), Done
		}
		return codec.AppendInt(out, int64(t.Host.Acked(c.LastSeq))), Done
	}
	inTime := t.mayWait(c, uint64(timeout))
	if c.Dirty {
		// Its writes of this turn have no sequence number yet: they get it when the turn ends.
		return out, Wait
	}
	acked := int64(t.Host.Acked(c.LastSeq))
	if acked < n && inTime {
		c.Peers = n
		return out, Wait
	}
	return codec.AppendInt(out, acked), Done
}

// configGet gives the settings that clients and tools of Redis ask for.
func configGet(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	if len(args)-2 > maxPatterns {
		return codec.AppendError(out, "ERR more than 64 patterns; ask for fewer at once"), Done
	}
	patterns := make([][]byte, 0, len(args)-2)
	for _, pattern := range args[2:] {
		if len(pattern) > maxPattern {
			return codec.AppendError(out, errPattern), Done
		}
		patterns = append(patterns, lower(pattern))
	}
	var found []setting
	for _, s := range t.settings() {
		for i, pattern := range patterns {
			if match(pattern, []byte(s.name)) {
				if !bytes.ContainsAny(pattern, "*?[") { // it was asked for by its name: the reply has that, as it was written
					s.name = string(args[2+i])
				}
				found = append(found, s)
				break
			}
		}
	}
	out = codec.AppendMap(out, c.Proto, len(found))
	for _, s := range found {
		out = appendPair(out, s.name, s.value)
	}
	return out, Done
}

type setting struct{ name, value string }

func (t *Turn) settings() []setting {
	f := t.Host.Facts()
	return []setting{
		{"appendonly", "no"},
		{"cluster-enabled", "no"},
		{"databases", "1"},
		{"maxclients", strconv.Itoa(f.MaxConnections)},
		{"maxmemory", strconv.FormatInt(f.MaxMemory, 10)},
		{"maxmemory-policy", "allkeys-lru"},
		{"port", strconv.Itoa(int(f.Port))},
		{"proto-max-bulk-len", strconv.Itoa(codec.MaxBulk)},
		{"save", ""},
		{"timeout", "0"},
	}
}

func lower(b []byte) []byte {
	l := make([]byte, len(b))
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		l[i] = c
	}
	return l
}

func configSet(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	return codec.AppendError(out, "ERR covey takes its settings when it starts, as flags or from the environment (see covey run --help); nothing was changed"), Done
}

func coveyMembers(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	return t.report(codec.TopicMembers, out), Done
}

func coveyInfo(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	return t.report(codec.TopicInfo, out), Done
}

func coveyVerify(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	return t.report(codec.TopicVerify, out), Done
}

func (t *Turn) report(topic codec.Topic, out []byte) []byte {
	var err error
	if t.buf, err = t.Host.Report(topic, t.buf[:0]); err != nil {
		return codec.AppendError(out, "ERR "+err.Error())
	}
	return codec.AppendBulk(out, t.buf)
}

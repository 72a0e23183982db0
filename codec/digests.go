package codec

import "encoding/binary"

const (
	digestsFixed = 16
	digestsRetry = 1
	// DigestsWidth is how many children a node of the tree of digests has.
	DigestsWidth = 16
	// DigestsNodeLen is the length of one node in a Digests frame, in bytes.
	DigestsNodeLen = 4 + DigestsWidth*8
	// DigestsLevels is how many levels of the tree have children: 0 the whole, 2 the 256 shards, 4 the leaves.
	DigestsLevels = 5
	// DigestsLeaves is the level of the leaves: the children of one are made from its entries.
	DigestsLeaves = 4

	wantFixed   = 16
	absentFixed = 20
)

// Digests tells the fingerprints, as of the end of an epoch, of the children of some nodes of the tree (R19): a node of
// level k stands for the key hashes with the same first 4k bits, its child c for those of them that go on with c. The
// receiver answers with the same of those children that differ, one level down, or with listings. Without nodes it ends a
// descent, or the answer to leaves: what differs is listed, or (Retry) the epoch is not known any more.
type Digests struct {
	Epoch uint64
	Level uint8 // 0 to DigestsLeaves
	Retry bool
	Count uint16 // of nodes, at most MaxDigestsNodes; of leaves at most MaxDigestsLeaves
	Nodes []byte // a run of Count nodes, made by AppendDigestsNode and read by DecodeDigestsNode
}

// AppendDigests appends the frame of m.
func AppendDigests(dst []byte, m Digests) []byte {
	dst, b := beginFrame(dst, KindDigests, 0, digestsFixed+len(m.Nodes))
	binary.LittleEndian.PutUint64(b, m.Epoch)
	b[8], b[9] = m.Level, bit(m.Retry, digestsRetry)
	binary.LittleEndian.PutUint16(b[10:], m.Count)
	binary.LittleEndian.PutUint32(b[12:], 0)
	copy(b[digestsFixed:], m.Nodes)
	return dst
}

// DecodeDigests reads the body of a Digests frame; Nodes aliases it.
func DecodeDigests(body []byte) (Digests, error) {
	if len(body) < digestsFixed {
		return Digests{}, ErrLength
	}
	le := binary.LittleEndian
	if body[9]&^digestsRetry != 0 || le.Uint32(body[12:]) != 0 {
		return Digests{}, ErrReserved
	}
	m := Digests{Epoch: le.Uint64(body), Level: body[8], Retry: body[9] != 0, Count: le.Uint16(body[10:]), Nodes: body[digestsFixed:len(body):len(body)]}
	if m.Level >= DigestsLevels {
		return Digests{}, ErrRange
	}
	if m.Count > MaxDigestsNodes || m.Level == DigestsLeaves && m.Count > MaxDigestsLeaves || int(m.Count)*DigestsNodeLen != len(m.Nodes) {
		return Digests{}, ErrCount
	}
	return m, nil
}

// AppendDigestsNode appends a node to a run: its first bits as a number, and the fingerprints of its children.
func AppendDigestsNode(dst []byte, node uint32, sums *[DigestsWidth]uint64) []byte {
	dst, b := extend(dst, DigestsNodeLen)
	binary.LittleEndian.PutUint32(b, node)
	for i, sum := range sums {
		binary.LittleEndian.PutUint64(b[4+8*i:], sum)
	}
	return dst
}

// DecodeDigestsNode reads the first node of a run, of a frame with this level, and returns what is left of the run.
func DecodeDigestsNode(b []byte, level uint8, sums *[DigestsWidth]uint64) (node uint32, rest []byte, err error) {
	if len(b) < DigestsNodeLen {
		return 0, nil, ErrLength
	}
	if node = binary.LittleEndian.Uint32(b); node>>(4*level) != 0 {
		return 0, nil, ErrRange
	}
	for i := range sums {
		sums[i] = binary.LittleEndian.Uint64(b[4+8*i:])
	}
	return node, b[DigestsNodeLen:], nil
}

// Want answers a Listing, after the records that the sender has newer: it asks for those that the other has newer, by key hash.
type Want struct {
	Epoch  uint64 // of the Listing
	Count  uint32 // at most MaxListingEntries
	Hashes []byte // Count key hashes, 8 bytes each
}

// AppendWant appends the frame of m.
func AppendWant(dst []byte, m Want) []byte {
	dst, b := beginFrame(dst, KindWant, 0, wantFixed+len(m.Hashes))
	binary.LittleEndian.PutUint64(b, m.Epoch)
	binary.LittleEndian.PutUint64(b[8:], uint64(m.Count))
	copy(b[wantFixed:], m.Hashes)
	return dst
}

// DecodeWant reads the body of a Want; Hashes aliases it.
func DecodeWant(body []byte) (Want, error) {
	if len(body) < wantFixed {
		return Want{}, ErrLength
	}
	le := binary.LittleEndian
	if le.Uint32(body[12:]) != 0 {
		return Want{}, ErrReserved
	}
	m := Want{Epoch: le.Uint64(body), Count: le.Uint32(body[8:]), Hashes: body[wantFixed:len(body):len(body)]}
	if m.Count > MaxListingEntries || int(m.Count)*8 != len(m.Hashes) {
		return Want{}, ErrCount
	}
	return m, nil
}

// Hash returns the i-th hash.
func (m *Want) Hash(i int) uint64 { return binary.LittleEndian.Uint64(m.Hashes[8*i:]) }

// Absent answers records that repair has sent: the keys are not here, nor was there anything newer than Floor (R14).
type Absent struct {
	Floor Version
	Count uint32 // 1..MaxFetchKeys
	Keys  []byte // a run of Count keys, made by AppendKey and read by DecodeKey; at most MaxFetchBytes
}

// AppendAbsent appends the frame of m.
func AppendAbsent(dst []byte, m Absent) []byte {
	dst, b := beginFrame(dst, KindAbsent, 0, absentFixed+len(m.Keys))
	putVersion(b, m.Floor)
	binary.LittleEndian.PutUint32(b[16:], m.Count)
	copy(b[absentFixed:], m.Keys)
	return dst
}

// DecodeAbsent reads the body of an Absent and checks that Keys, which aliases it, holds exactly Count keys.
func DecodeAbsent(body []byte) (Absent, error) {
	if len(body) < absentFixed || len(body) > absentFixed+MaxFetchBytes {
		return Absent{}, ErrLength
	}
	m := Absent{Floor: getVersion(body), Count: binary.LittleEndian.Uint32(body[16:]), Keys: body[absentFixed:len(body):len(body)]}
	if m.Count == 0 || m.Count > MaxFetchKeys {
		return Absent{}, ErrRange
	}
	if err := checkKeys(m.Keys, m.Count); err != nil {
		return Absent{}, err
	}
	return m, nil
}

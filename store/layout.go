package store

import "encoding/binary"

// An entry in its segment. All numbers are little-endian; nothing is aligned. What most entries do not have is optional,
// in this order:
//
//	 0  2  bytes of the entry, all of it; the top bit: left, nothing is here any more
//	 2  2  bytes of the key; or ghostKey, largeKey
//	 4  1  flags
//	 5  1  kind; the top bit: marked (kind.go)
//	 6  2  number of V's node; or wideNode
//	 8  8  stamp of V
//	16  4  content hash
//	20     24 the node ids of V, E and base in full                    with wideNode
//	        8 expiry time                                              with timed
//	       12 next 5, previous 5 and number 2 of the list it is on     with timed
//	        4 when it was deleted or died here: low 32 bits of the ms  with timed, or gone
//	       10 stamp and node of E                                      with ownExpiry
//	       10 stamp and node of base                                   with Keeps
//	       12 bytes of key 4 and of value 4, first page 4              with largeKey
//	       key and value; the hash of the key 8                        with ghostKey
//	       padding; its length in the last byte, or in the two before a last byte of 0
//
// A large entry keeps the first bytes of key and value here and the rest in full pages: which page comes next is kept beside
// them (pool.next), so that a value is made and freed without touching them.
const (
	headBytes = 20

	sizeMask = 1<<15 - 1
	leftBit  = 1 << 15

	ghostKey = 1<<16 - 1
	largeKey = 1<<16 - 2

	wideBytes    = 24
	timeBytes    = 8
	linkBytes    = 12
	sinceBytes   = 4
	versionBytes = 10
	largeBytes   = 12
	hashBytes    = 8

	flagsAt   = 4
	kindAt    = 5
	numberAt  = 6
	stampAt   = 8
	contentAt = 16
)

// Flags of an entry beside Deleted and Keeps.
const (
	timed     uint8 = 0x04 // its expiry register has a time
	ownExpiry uint8 = 0x08 // E is not V
	bare      uint8 = 0x10 // the value bytes are gone, the content hash remains
	dead      uint8 = 0x20 // its expiry passed and was applied
	counted   uint8 = 0x40 // it is in the shard's fingerprint
	padded    uint8 = 0x80 // it is shorter than its place

	gone = Deleted | dead | bare // what no read returns: counted as a tombstone
)

// optional has the bytes of the optional parts that flags ask for.
var optional = optionalBytes()

func optionalBytes() (table [256]uint8) {
	for i := range table {
		f, n := uint8(i), 0
		if f&timed != 0 {
			n += timeBytes + linkBytes + sinceBytes
		} else if f&gone != 0 {
			n += sinceBytes
		}
		if f&ownExpiry != 0 {
			n += versionBytes
		}
		if f&Keeps != 0 {
			n += versionBytes
		}
		table[i] = uint8(n)
	}
	return table
}

// loc is where an entry lies: a byte of the region of segments. 0 is nowhere.
type loc = uint64

// load reads the entry at a place, its key and value apart.
func (sh *shard) load(at loc, e *entry) {
	b := sh.mem[at:]
	w := binary.LittleEndian.Uint64(b)
	number := uint16(w >> 48)
	*e = entry{} // and field by field: a value made elsewhere and copied here would be waited for
	e.at, e.size, e.flags, e.kind = at, int(w&sizeMask), uint8(w>>32), uint8(w>>40)
	e.v.Stamp = binary.LittleEndian.Uint64(b[stampAt:])
	e.content = binary.LittleEndian.Uint32(b[contentAt:])
	o, wide := headBytes, number == wideNode
	if wide {
		e.v.Node = binary.LittleEndian.Uint64(b[o:])
		e.wide, o = true, o+wideBytes
	} else {
		e.v.Node = sh.env.nodes.id(number)
	}
	if e.flags&timed != 0 {
		e.expireAt = binary.LittleEndian.Uint64(b[o:])
		o += timeBytes + linkBytes
	}
	if e.flags&(timed|gone) != 0 {
		e.since = binary.LittleEndian.Uint32(b[o:])
		o += sinceBytes
	}
	e.e = e.v
	if e.flags&ownExpiry != 0 {
		e.e = sh.loadVersion(b[o:], b, wide, 8)
		o += versionBytes
	}
	if e.flags&Keeps != 0 {
		e.base = sh.loadVersion(b[o:], b, wide, 16)
		o += versionBytes
	}
	e.lengths(b, o, int(uint16(w>>16)))
}

// loadVersion reads a version; a wide entry has its node id among those in full, id bytes on.
func (sh *shard) loadVersion(b, whole []byte, wide bool, id int) Version {
	v := Version{Stamp: binary.LittleEndian.Uint64(b)}
	if wide {
		v.Node = binary.LittleEndian.Uint64(whole[headBytes+id:])
	} else {
		v.Node = sh.env.nodes.id(binary.LittleEndian.Uint16(b[8:]))
	}
	return v
}

// lengths reads how long key and value are. o is where they, or what stands for them, begin.
func (e *entry) lengths(b []byte, o, key int) {
	switch key {
	case ghostKey:
		e.ghost, e.hash = true, binary.LittleEndian.Uint64(b[o:])
	case largeKey:
		e.keyLen = int(binary.LittleEndian.Uint32(b[o:]))
		e.valueLen = int(binary.LittleEndian.Uint32(b[o+4:]))
		e.page = binary.LittleEndian.Uint32(b[o+8:])
		o += largeBytes
	default:
		e.keyLen = key
		e.valueLen = e.size - o - key - padding(b, e.flags, e.size)
	}
	e.body = o
}

// padding returns how many bytes at the end of an entry are not in use.
func padding(b []byte, flags uint8, size int) int {
	switch {
	case flags&padded == 0:
		return 0
	case b[size-1] != 0:
		return int(b[size-1])
	}
	return int(binary.LittleEndian.Uint16(b[size-3:]))
}

// pad notes that the last n bytes are not in use.
func pad(b []byte, size, n int) {
	if n < 1<<8 {
		b[size-1] = uint8(n)
		return
	}
	b[size-1] = 0
	binary.LittleEndian.PutUint16(b[size-3:], uint16(n))
}

// inline returns how many bytes of key and value lie in the entry itself: what is left of full pages.
func (sh *shard) inline(e *entry) int {
	if e.ghost {
		return hashBytes
	}
	return (e.keyLen + e.valueLen) % sh.env.memory.pages.unit
}

// pageCount returns how many pages the entry has.
func (sh *shard) pageCount(e *entry) int {
	return (e.keyLen + e.valueLen) / sh.env.memory.pages.unit
}

// save writes all of an entry but key and value to b, its place, of which it takes need bytes.
func (sh *shard) save(b []byte, e *entry, need int) {
	key := e.keyLen
	switch {
	case e.ghost:
		key = ghostKey
	case e.page != 0:
		key = largeKey
	}
	e.flags &^= padded
	if e.size > need {
		e.flags |= padded
		pad(b, e.size, e.size-need)
	}
	nodes := &sh.env.nodes
	number, _ := nodes.number(e.v.Node)
	if e.wide {
		number = wideNode
	}
	binary.LittleEndian.PutUint64(b, uint64(e.size)|uint64(key)<<16|uint64(e.flags)<<32|uint64(e.kind)<<40|uint64(number)<<48)
	binary.LittleEndian.PutUint64(b[8:], e.v.Stamp)
	binary.LittleEndian.PutUint32(b[16:], e.content)
	o := headBytes
	if e.wide {
		binary.LittleEndian.PutUint64(b[o:], e.v.Node)
		binary.LittleEndian.PutUint64(b[o+8:], e.e.Node)
		binary.LittleEndian.PutUint64(b[o+16:], e.base.Node)
		o += wideBytes
	}
	if e.flags&timed != 0 {
		binary.LittleEndian.PutUint64(b[o:], e.expireAt)
		clear(b[o+timeBytes:][:linkBytes])
		o += timeBytes + linkBytes
	}
	if e.flags&(timed|gone) != 0 {
		binary.LittleEndian.PutUint32(b[o:], e.since)
		o += sinceBytes
	}
	for _, v := range [...]struct {
		flag uint8
		v    *Version
	}{{ownExpiry, &e.e}, {Keeps, &e.base}} {
		if e.flags&v.flag != 0 {
			number, _ := nodes.number(v.v.Node)
			binary.LittleEndian.PutUint64(b[o:], v.v.Stamp)
			binary.LittleEndian.PutUint16(b[o+8:], number)
			o += versionBytes
		}
	}
	switch {
	case e.ghost:
		binary.LittleEndian.PutUint64(b[o:], e.hash)
	case e.page != 0:
		binary.LittleEndian.PutUint32(b[o:], uint32(e.keyLen))
		binary.LittleEndian.PutUint32(b[o+4:], uint32(e.valueLen))
		binary.LittleEndian.PutUint32(b[o+8:], e.page)
	}
}

// shape settles the flags that say which optional parts the entry has, and returns how many bytes come before key and value.
func (sh *shard) shape(e *entry) int {
	e.flags &^= timed | ownExpiry | padded
	nodes := &sh.env.nodes
	_, ok := nodes.number(e.v.Node)
	if e.expireAt != 0 {
		e.flags |= timed
	}
	if e.e != e.v {
		e.flags |= ownExpiry
		_, known := nodes.number(e.e.Node)
		ok = ok && known
	}
	if e.flags&Keeps != 0 {
		_, known := nodes.number(e.base.Node)
		ok = ok && known
	}
	e.wide = !ok
	n := headBytes + int(optional[e.flags])
	if e.wide {
		n += wideBytes
	}
	if !e.ghost && sh.pageCount(e) > 0 {
		n += largeBytes
	}
	return n
}

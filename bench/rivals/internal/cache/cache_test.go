package cache

import (
	"bytes"
	"fmt"
	"testing"
)

var small = Room{Bytes: 64 << 20, Entries: 1000, Entry: 80}

func TestEveryCacheGivesBackWhatItWasGiven(t *testing.T) {
	for _, m := range Makers {
		for _, inline := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/inline=%v", m.Name, inline), func(t *testing.T) {
				room := small
				room.Inline = inline
				c, err := m.Make(room)
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				key := []byte("key")
				for _, value := range []string{"value", "other", "a longer one"} {
					buffer := []byte(value)
					c.Set(key, buffer)
					settle(c)
					buffer[0] = 'X' // the caller's again
					if got, ok := c.Get([]byte("so: "), key); !ok || string(got) != "so: "+value {
						t.Errorf("the key is there: %v, as %q", ok, got)
					}
				}
				if got, ok := c.Get(nil, []byte("none")); ok {
					t.Errorf("a key that was never set is %q", got)
				}
			})
		}
	}
}

func TestAWalkVisitsEveryEntry(t *testing.T) {
	for _, m := range Makers {
		t.Run(m.Name, func(t *testing.T) {
			c, err := m.Make(small)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if c.Walk == nil {
				t.Skip("it cannot be walked")
			}
			for i := range 500 {
				c.Set(fmt.Appendf(nil, "key:%012d", i), bytes.Repeat([]byte{'v'}, 64))
				settle(c)
			}
			if n := c.Walk(); n != 500 {
				t.Errorf("%d entries of 500", n)
			}
		})
	}
}

func settle(c Cache) {
	if c.Settle != nil {
		c.Settle()
	}
}

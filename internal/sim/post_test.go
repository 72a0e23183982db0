package sim

import "testing"

// TestMessages has clients of random plans publish all the while. In some plans nodes are apart for good, and messages are passed on.
func TestMessages(t *testing.T) {
	var seen Seen
	for seed := range uint64(40) {
		p := planOf(1+seed, seed%2 == 0)
		p.scene("messages")
		s, wrong := p.Run(Weak{}, nil)
		if len(wrong) > 0 {
			t.Errorf("seed %d: %.300q", 1+seed, wrong)
		}
		seen.Add(s)
	}
	if seen.Published < 1000 || seen.Heard < seen.Published || seen.Relayed == 0 || seen.Gaps == 0 {
		t.Errorf("the runs see too little: %+v", seen)
	}
	t.Logf("%d published, %d heard", seen.Published, seen.Heard)
}

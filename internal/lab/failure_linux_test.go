package lab

import (
	"fmt"
	"testing"
	"time"
)

func TestAKilledNodeIsDeadWithinASecondAndOtherClientsSeeNoError(t *testing.T) {
	hosts, nodes := mesh(t, 3)
	victim, others := hosts[2], hosts[:2]
	clients := []*traffic{startTraffic(t, others[0]), startTraffic(t, others[1])}
	dead := Figure{Name: "a node killed with -9 is dead for the others", Limit: time.Second}
	back := Figure{Name: "a killed node that is started again is back", Limit: time.Second}
	last := nodes[2]
	for range 5 {
		begin := time.Now()
		last.Kill()
		dead.Add(waitState(t, others, victim.ID(9000), "dead", begin))
		last = victim.Start()
		back.Add(waitMesh(t, hosts, last.Started))
	}
	for i, c := range clients {
		c.finish(t, "kill -9, client of "+others[i].Name)
	}
	dead.Check(t)
	back.Check(t)
}

func TestANodeToldToEndIsLeftWithinASecondAndExitsCleanly(t *testing.T) {
	hosts, nodes := mesh(t, 3)
	goes, others := hosts[2], hosts[:2]
	clients := []*traffic{startTraffic(t, others[0]), startTraffic(t, others[1])}
	left := Figure{Name: "a node sent SIGTERM is left for the others", Limit: time.Second}
	exit := Figure{Name: "a node sent SIGTERM exits with 0", Limit: 2 * time.Second}
	last := nodes[2]
	for range 5 {
		begin := time.Now()
		last.Term()
		left.Add(waitState(t, others, goes.ID(9000), "left", begin))
		code, when := last.WaitExit(patience)
		if code != 0 {
			t.Errorf("the exit status after SIGTERM is %d", code)
		}
		exit.Add(when.Sub(begin))
		last = goes.Start()
		waitMesh(t, hosts, last.Started)
	}
	for i, c := range clients {
		c.finish(t, "SIGTERM, client of "+others[i].Name)
	}
	left.Check(t)
	exit.Check(t)
}

// cut breaks the third host's network three times and mends it, with writes on both sides meanwhile.
func cut(t *testing.T, what string, down, up func(h *Host)) {
	hosts, _ := mesh(t, 3)
	apart, others := hosts[2], hosts[:2]
	client := startTraffic(t, others[0])
	dead := Figure{Name: what + " cut: the others show the node dead", Limit: 4 * time.Second}
	back := Figure{Name: what + " back: all list each other", Limit: 3 * time.Second}
	whole := Figure{Name: what + " back: all hold what was written on either side", Limit: 10 * time.Second}
	for i := range 3 {
		begin := time.Now()
		down(apart)
		dead.Add(waitState(t, others, apart.ID(9000), "dead", begin))
		here, there := fmt.Sprintf("here-%d", i), fmt.Sprintf("there-%d", i)
		mustCovey(t, others[0], "set", here, "x")
		mustCovey(t, apart, "set", there, "y")
		begin = time.Now()
		up(apart)
		back.Add(waitMesh(t, hosts, begin))
		for _, h := range hosts {
			Poll(t, patience, "both sides' writes on "+h.Name, func() bool {
				return h.Covey("get", here).Stdout == "x\n" && h.Covey("get", there).Stdout == "y\n"
			})
		}
		whole.Add(time.Since(begin))
	}
	client.finish(t, what+" cut")
	// Both sides dial when the network is back: for a moment the second connection is there to be greeted and refused.
	Poll(t, patience, "one link per pair", func() bool { return linkFaults(hosts) == "" })
	dead.Check(t)
	back.Check(t)
	whole.Check(t)
}

func TestACutCableIsNoticedAndMended(t *testing.T) {
	t.Parallel()
	cut(t, "cable", (*Host).CableDown, (*Host).CableUp)
}

func TestAnInterfaceTakenDownIsNoticedAndMended(t *testing.T) {
	t.Parallel()
	cut(t, "interface", (*Host).CardDown, (*Host).CardUp)
}

func TestAFrozenNodeIsDeadAndComesBackWhenItThaws(t *testing.T) {
	t.Parallel()
	hosts, nodes := mesh(t, 3)
	client := startTraffic(t, hosts[0])
	dead := Figure{Name: "a stopped process is dead for the others", Limit: 4 * time.Second}
	back := Figure{Name: "a process that goes on is back", Limit: 3 * time.Second}
	for range 2 {
		begin := time.Now()
		nodes[2].Stop()
		dead.Add(waitState(t, hosts[:2], hosts[2].ID(9000), "dead", begin))
		begin = time.Now()
		nodes[2].Continue()
		back.Add(waitMesh(t, hosts, begin))
	}
	client.finish(t, "a frozen neighbour")
	dead.Check(t)
	back.Check(t)
}

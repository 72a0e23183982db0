package lab

import (
	"errors"
	"fmt"
	"os/exec"
)

// A driver is the switch of a network and the cables to it. Ports are called port1, port2 and so on. It is used by the
// goroutine of the test alone.
type driver interface {
	// plug makes a card in a namespace, whose link is down as yet, with a cable from it to a port.
	plug(port string, space *namespace, card, mac string) error
	// cable pulls a cable out of its port, or plugs it in again: the card sees its carrier go and come.
	cable(port string, up bool) error
	// split moves some ports to a second switch, heal all of them back to the first.
	split(away []string) error
	heal(all []string) error
	// limit has a cable carry no more than a rate, as tc writes it, each way.
	limit(port string, space *namespace, card, rate string) error
	// hub has every frame go to every port, for good.
	hub() error
	// remove ends what the driver has running, before the namespaces are deleted.
	remove()
}

// fast is a bridge of the kernel in a namespace of its own, and a veth pair for each cable. It loses nothing.
type fast struct {
	space string
}

// newFast makes the bridge, with an address for who wants a default route.
func newFast(space, gateway string) (*fast, error) {
	return &fast{space}, ipBatch(space,
		"link add lan type bridge forward_delay 0 stp_state 0",
		fmt.Sprintf("addr add %s/24 dev lan", gateway),
		"link set lan up",
	)
}

func (f *fast) plug(port string, space *namespace, card, mac string) error {
	return ipBatch(f.space,
		fmt.Sprintf("link add %s type veth peer name %s netns %s address %s", port, card, space.name, mac),
		fmt.Sprintf("link set %s master lan up", port),
	)
}

func (f *fast) cable(port string, up bool) error {
	state := "down"
	if up {
		state = "up"
	}
	return ipBatch(f.space, "link set "+port+" "+state)
}

func (f *fast) split(away []string) error {
	lines := []string{"link add far type bridge forward_delay 0 stp_state 0", "link set far up"}
	for _, port := range away {
		lines = append(lines, fmt.Sprintf("link set %s master far", port))
	}
	return ipBatch(f.space, lines...)
}

func (f *fast) heal(all []string) error {
	var lines []string
	for _, port := range all {
		lines = append(lines, fmt.Sprintf("link set %s master lan", port))
	}
	return ipBatch(f.space, append(lines, "link del far")...)
}

func (f *fast) limit(port string, space *namespace, card, rate string) error {
	return errors.Join(limitCard(f.space, port, rate), limitCard(space.name, card, rate))
}

// limitCard has one card send no more than a rate.
func limitCard(space, card, rate string) error {
	out, err := exec.Command("tc", "-n", space, "qdisc", "replace", "dev", card, "root", "tbf", "rate", rate, "burst", limitBurst, "limit", limitQueue).CombinedOutput()
	if err != nil {
		return fmt.Errorf("tc: %w: %s", err, out)
	}
	return nil
}

func (f *fast) hub() error { return ipBatch(f.space, "link set lan type bridge ageing_time 0") }

func (f *fast) remove() {}

// Gossip is a node of hashicorp/memberlist with its defaults for a LAN, which prints what it thinks of members in the words of a
// node of covey, so that the same test watches both. It is started by TestDetection of internal/lab, which cmd/detection runs:
//
//	gossip -name h2 -bind 10.77.1.2 -join 10.77.1.1
//
// What the library logs of a suspicion is printed as one; a death, and a return, is what it tells its delegate.
package main

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"time"

	"github.com/hashicorp/memberlist"
)

// joinEvery is the pause between two attempts to join while the first node does not listen yet.
const joinEvery = 50 * time.Millisecond

// suspected is how the library logs that its own probes of a member failed.
var suspected = regexp.MustCompile(`Suspect (\S+) has failed`)

// changes prints changes of members.
type changes struct{}

func say(name, state string) { fmt.Printf("member changed id=%s state=%s\n", name, state) }

func (changes) NotifyJoin(n *memberlist.Node)   { say(n.Name, "alive") }
func (changes) NotifyUpdate(n *memberlist.Node) {}
func (changes) NotifyLeave(n *memberlist.Node)  { say(n.Name, "dead") }

// Write takes a line of the library's log.
func (changes) Write(line []byte) (int, error) {
	if found := suspected.FindSubmatch(line); found != nil {
		say(string(found[1]), "suspect")
	}
	return len(line), nil
}

func main() {
	name := flag.String("name", "", "the node's name")
	bind := flag.String("bind", "", "the address that it listens on and is known by")
	join := flag.String("join", "", "the address of a node to join")
	flag.Parse()
	if err := run(*name, *bind, *join); err != nil {
		fmt.Fprintln(os.Stderr, "gossip:", err)
		os.Exit(1)
	}
}

func run(name, bind, join string) error {
	config := memberlist.DefaultLANConfig()
	config.Name, config.BindAddr, config.AdvertiseAddr = name, bind, bind
	config.Events, config.LogOutput = changes{}, changes{}
	list, err := memberlist.Create(config)
	if err != nil {
		return err
	}
	for join != bind {
		if _, err := list.Join([]string{join}); err == nil {
			break
		}
		time.Sleep(joinEvery)
	}
	select {}
}

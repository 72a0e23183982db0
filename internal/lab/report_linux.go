package lab

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"covey/client"
)

// Member is one entry of `covey members -o json`, as the command line contract names its fields. It is declared here and
// not taken from the product, so that a renamed field is seen.
type Member struct {
	ID       string    `json:"id"`
	MAC      string    `json:"mac"`
	Addr     string    `json:"addr"`
	State    string    `json:"state"`
	LastSeen time.Time `json:"last_seen"`
	RTT      int64     `json:"rtt_us"`
	Lag      int64     `json:"lag"`
	Synced   bool      `json:"synced"`
	Via      string    `json:"via"`
}

// Members asks the node on the host's port 9000; ok is false when no node answers yet.
func (h *Host) Members(args ...string) (members []Member, ok bool) {
	h.net.t.Helper()
	out := h.Covey(append([]string{"members", "-o", "json"}, args...)...)
	if out.Code != 0 {
		return nil, false
	}
	if err := json.Unmarshal([]byte(out.Stdout), &members); err != nil {
		h.net.t.Fatalf("%s: members -o json: %v\n%s", h.Name, err, out.Stdout)
	}
	return members, true
}

// States maps the id of each member to its state; nil when no node answers yet.
func (h *Host) States(args ...string) map[string]string {
	h.net.t.Helper()
	members, ok := h.Members(args...)
	if !ok {
		return nil
	}
	states := map[string]string{}
	for _, m := range members {
		states[m.ID] = m.State
	}
	return states
}

// Report is `covey info -o json` or `covey verify -o json`: numbers are float64.
type Report map[string]any

// Number is a number of the report; a field that is missing or is none fails the test.
func (h *Host) Number(r Report, field string) float64 {
	h.net.t.Helper()
	v, ok := r[field].(float64)
	if !ok {
		h.net.t.Fatalf("%s: %q is no number in %v", h.Name, field, r)
	}
	return v
}

// Report runs a verb that prints one JSON object; ok is false when no node answers.
func (h *Host) Report(verb string, args ...string) (r Report, ok bool) {
	h.net.t.Helper()
	out := h.Covey(append([]string{verb, "-o", "json"}, args...)...)
	if out.Code == 4 || !strings.HasPrefix(out.Stdout, "{") {
		return nil, false
	}
	if err := json.Unmarshal([]byte(out.Stdout), &r); err != nil {
		h.net.t.Fatalf("%s: %s -o json: %v\n%s", h.Name, verb, err, out.Stdout)
	}
	return r, true
}

// may asks the node on the host's port 9000 by the Go client whether something holds. It is for who waits for what the verbs say: a process
// for every look takes tens of times the processor's time, and would take it from the nodes. False says that there is no need to ask
// the verb; true, also of a node that wants its secret, that the verb decides.
func (h *Host) may(holds func(ctx context.Context, c *client.Client) (bool, error)) bool {
	ctx, cancel := context.WithTimeout(context.Background(), lookLimit)
	defer cancel()
	conn, err := h.Dial(ctx, "tcp4", "127.0.0.1:9000")
	if err != nil {
		return false
	}
	c, err := client.New(conn)
	if err != nil {
		return true
	}
	defer c.Close()
	yes, err := holds(ctx, c)
	return yes || errors.Is(err, client.ErrDenied)
}

// mayHave is may for members that have the given states, of count in all unless that is 0.
func (h *Host) mayHave(states map[string]string, count int) bool {
	return h.may(func(ctx context.Context, c *client.Client) (bool, error) {
		members, err := c.Members(ctx)
		if err != nil || count > 0 && len(members) != count {
			return false, err
		}
		found := 0
		for _, m := range members {
			if want, ok := states[m.ID]; ok && want == m.State {
				found++
			}
		}
		return found == len(states), nil
	})
}

// Ready says whether the node on the host's port 9000 has all data of its peers.
func (h *Host) Ready(args ...string) bool {
	h.net.t.Helper()
	if len(args) == 0 && !h.may(func(ctx context.Context, c *client.Client) (bool, error) {
		r, err := c.Info(ctx)
		return r.Ready == 1, err
	}) {
		return false
	}
	r, ok := h.Report("info", args...)
	if !ok {
		return false
	}
	switch ready := r["ready"].(type) {
	case bool:
		return ready
	case float64: // the contract has "the rest numbers"
		return ready != 0
	}
	return false
}

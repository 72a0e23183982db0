package lab

import (
	"encoding/json"
	"strings"
	"time"
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

// Ready says whether the node on the host's port 9000 has all data of its peers.
func (h *Host) Ready(args ...string) bool {
	h.net.t.Helper()
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

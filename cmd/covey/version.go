package main

import (
	"fmt"
	"runtime"

	"covey/codec"
)

// version is the program's; the build sets it.
var version = "dev"

type versionVerb struct {
	outputFlag
}

// versionReport is what covey version -o json prints.
type versionReport struct {
	Version     string `json:"version"`
	Go          string `json:"go"`
	Platform    string `json:"platform"`
	ProtocolMin int    `json:"protocol_min"`
	ProtocolMax int    `json:"protocol_max"`
}

// Help is the second part of `covey version --help`.
func (*versionVerb) Help() string {
	return `Two nodes link up when their protocol ranges meet.

Examples:

    covey version
    covey version -o json`
}

// Run prints.
func (v *versionVerb) Run(p *process) error {
	r := versionReport{
		Version:     version,
		Go:          runtime.Version(),
		Platform:    runtime.GOOS + "/" + runtime.GOARCH,
		ProtocolMin: codec.ProtoMin,
		ProtocolMax: codec.ProtoMax,
	}
	if v.json() {
		return printJSON(p.Stdout, r)
	}
	_, err := fmt.Fprintf(p.Stdout, "covey %s\n%s %s\nprotocol %d to %d\n", r.Version, r.Go, r.Platform, r.ProtocolMin, r.ProtocolMax)
	return err
}

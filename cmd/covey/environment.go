package main

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kong"
)

// environment gives flags that are not on the command line the value of their variable. An empty variable is an unset
// one. Flags that may be repeated take a comma-separated list.
//
// kong has environment variables of its own, but reads those of the real process only.
type environment struct {
	lookup func(string) (string, bool)
	used   map[string]string // flag name to the variable it came from
}

// variable is the environment variable of a flag: COVEY_MAX_MEMORY for max-memory.
func variable(flag string) string {
	return "COVEY_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// Validate is part of kong.Resolver; every set of variables is valid.
func (e *environment) Validate(*kong.Application) error { return nil }

// Resolve is part of kong.Resolver: nil when the flag's variable is not set.
func (e *environment) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	if flag.Name == "help" {
		return nil, nil
	}
	name := variable(flag.Name)
	value, set := e.lookup(name)
	if !set || value == "" {
		return nil, nil
	}
	if e.used == nil {
		e.used = make(map[string]string)
	}
	e.used[flag.Name] = name
	return value, nil
}

// explain says in a usage error about a flag's value that the value came from the environment.
func (e *environment) explain(text string) string {
	for flag, name := range e.used {
		if strings.HasPrefix(text, "--"+flag+" ") || strings.HasPrefix(text, "--"+flag+":") || strings.HasPrefix(text, "--"+flag+"=") {
			return fmt.Sprintf("%s (the value is that of $%s)", text, name)
		}
	}
	return text
}

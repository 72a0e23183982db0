package command

import (
	"reflect"
	"strings"
	"testing"

	"covey/codec"
)

// What COMMAND DOCS says of a command's arguments is what Redis says, but for since when they are there.
func TestOracleArguments(t *testing.T) {
	forBothProtocols(t, func(t *testing.T, p *pair) {
		compare := func(e *entry) {
			if newer(e) {
				return
			}
			theirs, mine := p.both("COMMAND", "DOCS", e.full)
			want, got := documented(t, theirs), documented(t, mine)
			if !reflect.DeepEqual(want, got) {
				t.Errorf("%s:\n redis %v\n covey %v", e.full, want, got)
			}
		}
		for i := range commands {
			compare(&commands[i])
			for j := range commands[i].subs {
				compare(&commands[i].subs[j])
			}
		}
	})
}

// newer reports whether a command is one that Redis 7.0 has not.
func newer(e *entry) bool { return e.group == "covey" || e.since >= "7.2" }

// documented are the arguments in a reply to COMMAND DOCS of one command.
func documented(t *testing.T, reply string) any {
	t.Helper()
	r, _, err := codec.ParseReply([]byte(reply))
	if err != nil || len(r.Elements) != 2 {
		t.Fatalf("%q: %v", reply, err)
	}
	fields := r.Elements[1].Elements
	for i := 0; i < len(fields); i += 2 {
		if string(fields[i].Str) == "arguments" {
			return described(fields[i+1].Elements)
		}
	}
	return nil
}

// described are arguments as texts, without since when they are there, and without the conditions of SET that Redis 7.0 has not. The kind of
// each element counts.
func described(list []codec.Reply) (all []any) {
next:
	for _, a := range list {
		one := []any{a.Kind}
		for i := 0; i < len(a.Elements); i += 2 {
			switch name, value := string(a.Elements[i].Str), a.Elements[i+1]; name {
			case "token":
				if compares(value.Str) {
					continue next
				}
				one = append(one, name, value.Kind, string(value.Str), value.Int)
			case "since":
			case "arguments":
				one = append(one, name, value.Kind, described(value.Elements))
			case "flags":
				one = append(one, name, value.Kind)
				for _, flag := range value.Elements {
					one = append(one, flag.Kind, string(flag.Str))
				}
			default:
				one = append(one, name, value.Kind, string(value.Str), value.Int)
			}
		}
		all = append(all, one)
	}
	return all
}

// Each command that may be followed by something says by what, and nothing else does.
func TestSyntaxOfAllCommands(t *testing.T) {
	listed := 0
	check := func(e *entry) {
		list, rest := arguments(syntax[e.full])
		if rest != "" {
			t.Errorf("%s: %q is left over", e.full, rest)
		}
		takes := e.arity != 1+strings.Count(e.full, "|") && len(e.subs) == 0 && e.name != "quit" // which heeds nothing
		if takes != (list != nil) {
			t.Errorf("%s has arity %d and arguments %v", e.full, e.arity, list)
		}
		if list != nil {
			listed++
		}
	}
	for i := range commands {
		check(&commands[i])
		for j := range commands[i].subs {
			check(&commands[i].subs[j])
		}
	}
	if listed != len(syntax) {
		t.Errorf("%d of %d are of a command", listed, len(syntax))
	}
}

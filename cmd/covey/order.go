package main

import (
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// flagsFirst gives the same command line with the flags before the arguments and -- between them. kong reads an argument
// that may be repeated in one go, and takes what comes after a flag or -- for one too many: covey del a -o json b.
func flagsFirst(app *kong.Application, args []string) []string {
	var verb *kong.Node
	var flags, arguments []string
	for i := 0; i < len(args); i++ {
		arg := args[i]
		switch {
		case arg == "--":
			arguments = append(arguments, args[i+1:]...)
			i = len(args)
		case isFlag(arg):
			flags = append(flags, arg)
			if verb != nil && takesNext(verb, arg) && i+1 < len(args) {
				i++
				flags = append(flags, args[i])
			}
		case verb == nil:
			at := slices.IndexFunc(app.Children, func(n *kong.Node) bool { return n.Name == arg })
			if at < 0 {
				return args
			}
			verb = app.Children[at]
			flags = append(flags, arg)
		default:
			arguments = append(arguments, arg)
		}
	}
	if verb == nil || len(arguments) == 0 {
		return args
	}
	return slices.Concat(flags, []string{"--"}, arguments)
}

// isFlag tells a flag from an argument; a hyphen alone is an argument.
func isFlag(arg string) bool { return len(arg) > 1 && arg[0] == '-' }

// takesNext reports whether the argument after a flag is its value: not of a switch, nor where the value is joined on.
func takesNext(verb *kong.Node, arg string) bool {
	if long, ok := strings.CutPrefix(arg, "--"); ok {
		return hasValue(verb, func(f *kong.Flag) bool { return f.Name == long })
	}
	for i, letter := range arg[1:] {
		if hasValue(verb, func(f *kong.Flag) bool { return f.Short == letter }) {
			return i == len(arg)-2
		}
	}
	return false
}

// hasValue reports whether the verb has such a flag, and it is no switch.
func hasValue(verb *kong.Node, is func(*kong.Flag) bool) bool {
	at := slices.IndexFunc(verb.Flags, is)
	return at >= 0 && !verb.Flags[at].IsBool()
}

// Package machine reads what the command line must know of the machine it runs on: its memory and the limit of its
// control group, the capabilities and descriptor limit of the process, and which process holds a port.
//
//  1. Everything that can be read from a file takes an fs.FS, the root of the machine's file system: os.DirFS("/").
//  2. The parsers are pure: text in, numbers out.
//  3. What a system does not tell is an error (ErrUnknown), never a guess.
package machine

import "errors"

// ErrUnknown is returned for what this system does not tell.
var ErrUnknown = errors.New("this system does not tell")

//go:build !unix

package unixonly

// The compiler prints the name.
const _ = covey_runs_on_Linux_macOS_and_FreeBSD__for_Windows_see_docs_OPERATIONS_md

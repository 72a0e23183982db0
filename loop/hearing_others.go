//go:build !linux

package loop

import "errors"

func deafen(int) error { return errors.ErrUnsupported }

func undeafen(int) {}

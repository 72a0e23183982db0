package ifaces

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// List returns every network card, sorted by index, without verdicts: Choose gives those. It needs no privilege.
func List() ([]Interface, error) {
	conn, err := openNetlink(0)
	if err != nil {
		return nil, fmt.Errorf("cannot list the network cards: %w", err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(dumpTimeout)); err != nil {
		return nil, fmt.Errorf("cannot list the network cards: %w", err)
	}
	var seq uint32
	for range maxDumpTries {
		d := dump{cards: make(map[int]*Interface)}
		for _, kind := range [...]uint16{unix.RTM_GETLINK, unix.RTM_GETADDR} {
			seq++
			if err := d.run(conn, kind, seq); err != nil {
				return nil, fmt.Errorf("cannot list the network cards: %w", err)
			}
		}
		if d.interrupted {
			continue
		}
		cards := make([]Interface, 0, len(d.cards))
		for _, c := range d.cards {
			cards = append(cards, *c)
		}
		sortByIndex(cards)
		return cards, nil
	}
	return nil, errors.New("cannot list the network cards: they change faster than they can be listed")
}

// run sends one request and reads its answer to the end. Its length is bounded by the deadline on conn.
func (d *dump) run(conn *os.File, kind uint16, seq uint32) error {
	if _, err := conn.Write(appendDumpRequest(make([]byte, 0, dumpRequestLen), kind, seq)); err != nil {
		return err
	}
	buf := make([]byte, netlinkBuffer)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return err
		}
		if done, err := d.read(buf[:n], seq); done || err != nil {
			return err
		}
	}
}

// openNetlink opens a route socket that takes part in groups (RTMGRP_ bits). It is connected to the kernel, so
// no other process can put a message into it, and non-blocking, so deadlines and Close end a Read.
func openNetlink(groups uint32) (*os.File, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groups}); err != nil {
		unix.Close(fd)
		return nil, os.NewSyscallError("bind", err)
	}
	if err := unix.Connect(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		unix.Close(fd)
		return nil, os.NewSyscallError("connect", err)
	}
	return os.NewFile(uintptr(fd), "netlink"), nil
}

package machine

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"runtime"
	"testing"
)

func TestTheHolderOfAPortIsFoundByItsSocket(t *testing.T) {
	root := files(
		"proc/net/tcp", "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"+
			"   0: 0100007F:2328 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 1111 1\n"+
			"   1: 00000000:2328 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1\n",
		"proc/12/comm", "nginx\n", "proc/12/fd/3", "", "proc/13/comm", "curl\n", "proc/13/fd/3", "", "proc/self/comm", "x", "proc/net/x", "",
	)
	readlink := func(name string) (string, error) {
		switch name {
		case "/proc/12/fd/3":
			return "socket:[4711]", nil
		case "/proc/13/fd/3":
			return "socket:[1111]", nil // connected to the port, not listening on it
		}
		return "", fs.ErrNotExist
	}
	if got, found := linuxHolder(root, readlink, "/", 9000); !found || got.String() != "nginx (process 12)" {
		t.Errorf("the holder of port 9000 is %v, found %v", got, found)
	}
	if got, found := linuxHolder(root, readlink, "/", 9001); found {
		t.Errorf("port 9001 is held by %v", got)
	}
}

func TestThisProcessIsFoundAsTheHolderOfItsPort(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells who holds a port")
	}
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	port := uint16(ln.Addr().(*net.TCPAddr).Port)
	if got, found := Holder(port); !found || got.ID != os.Getpid() {
		t.Errorf("port %d is held by %v (found %v), want process %d", port, got, found, os.Getpid())
	}
}

func TestCapabilitiesAreReadFromTheStatus(t *testing.T) {
	set, ok := parseCapabilities("Name:\tx\nCapPrm:\tffff\nCapEff:\t0000000000002000\n")
	if !ok || set != 1<<13 {
		t.Errorf("the effective set is %x, found %v", set, ok)
	}
	for _, text := range []string{"", "CapEff:\t\n", "CapEff:\txyz\n"} {
		if set, ok := parseCapabilities(text); ok {
			t.Errorf("%q has the effective set %x", text, set)
		}
	}
}

func TestAUDPPortIsSharedOnlyWithThoseThatShareIt(t *testing.T) {
	alone, err := net.ListenPacket("udp4", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	defer alone.Close()
	port := uint16(alone.LocalAddr().(*net.UDPAddr).Port)
	if err := TrySharedUDP(t.Context(), port); !InUse(err) {
		t.Errorf("a port held by a program that does not share it: %v", err)
	}
	alone.Close()

	shared, err := (&net.ListenConfig{Control: shareAddress}).ListenPacket(context.Background(), "udp4", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	defer shared.Close()
	if err := TrySharedUDP(t.Context(), uint16(shared.LocalAddr().(*net.UDPAddr).Port)); err != nil {
		t.Errorf("a port held by a program that shares it: %v", err)
	}
}

func TestThisMachineTellsWhatTheDoctorAsks(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells all of it")
	}
	if m, err := ReadMemory(); err != nil || m.Machine < 16<<20 {
		t.Errorf("the memory is %+v, error %v", m, err)
	}
	if n, err := Descriptors(); err != nil || n == 0 {
		t.Errorf("the descriptor limit is %d, error %v", n, err)
	}
	if _, err := Raw(); errors.Is(err, ErrUnknown) {
		t.Errorf("the capabilities are not known: %v", err)
	}
}

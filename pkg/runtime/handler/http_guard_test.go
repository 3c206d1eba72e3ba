package handler

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/stem-jobs/stem/pkg/runtime"
)

func TestGuard(t *testing.T) {
	cases := []struct {
		addr  string
		allow []string
		ok    bool
	}{
		{"93.184.216.34", nil, true},
		{"127.0.0.1", nil, true},
		{"10.1.2.3", nil, true},
		{"192.168.1.1", nil, true},
		{"::1", nil, true},
		{"fd12:3456::1", nil, true},
		{"2606:2800:220:1::1", nil, true},
		{"169.254.169.254", nil, false},
		{"169.254.0.1", nil, false},
		{"::ffff:169.254.169.254", nil, false},
		{"64:ff9b::a9fe:a9fe", nil, false},
		{"64:ff9b::5db8:d822", nil, true},
		{"2002:a9fe:a9fe::1", nil, false},
		{"fe80::1", nil, false},
		{"fe80::1%eth0", nil, false},
		{"fd00:ec2::254", nil, false},
		{"fd20:ce::254", nil, false},
		{"100.100.100.200", nil, false},
		{"192.0.0.192", nil, false},
		{"0.0.0.0", nil, false},
		{"0.1.2.3", nil, false},
		{"::", nil, false},
		{"224.0.0.1", nil, false},
		{"239.255.255.250", nil, false},
		{"255.255.255.255", nil, false},
		{"ff02::1", nil, false},
		{"169.254.169.254", []string{"169.254.169.254"}, true},
		{"169.254.169.253", []string{"169.254.169.254"}, false},
		{"169.254.1.1", []string{"169.254.0.0/16"}, true},
		{"::ffff:169.254.1.1", []string{"169.254.0.0/16"}, true},
		{"fe80::1%eth0", []string{"fe80::/10"}, true},
	}
	for _, c := range cases {
		g, err := newGuard(c.allow)
		if err != nil {
			t.Fatal(err)
		}
		err = g.check(netip.MustParseAddr(c.addr))
		if (err == nil) != c.ok {
			t.Errorf("%s with %v: %v", c.addr, c.allow, err)
		}
		if err != nil && (!runtime.IsPermanent(err) || !errors.Is(err, runtime.ErrDenied)) {
			t.Errorf("%s: %v is not a permanent denial", c.addr, err)
		}
	}
}

// The check sees what a name resolved to, not the name.
func TestGuardAfterDNS(t *testing.T) {
	answers := make(chan [4]byte, 10)
	resolveBy(t, answers)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	defer s.Close()
	_, port, _ := strings.Cut(strings.TrimPrefix(s.URL, "http://"), ":")
	run, err := HTTP(HTTPSpec{URL: "http://service.test:" + port, Follow: -1})
	if err != nil {
		t.Fatal(err)
	}
	call := func(answer [4]byte) error {
		answers <- answer
		_, err := run(context.Background(), &runtime.Task{ID: "t", Name: "n", Args: json.RawMessage(`{}`)})
		return err
	}
	if err := call([4]byte{169, 254, 169, 254}); !runtime.IsPermanent(err) || !errors.Is(err, runtime.ErrDenied) {
		t.Errorf("a name for the metadata service: %v", err)
	}
	if err := call([4]byte{127, 0, 0, 1}); err != nil {
		t.Errorf("the same name for loopback: %v", err)
	}
}

// resolveBy makes the process ask a resolver that knows one address at a time.
func resolveBy(t *testing.T, answers <-chan [4]byte) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	old := net.DefaultResolver
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
	t.Cleanup(func() { net.DefaultResolver = old; conn.Close() })
	go func() {
		query := make([]byte, 512)
		for {
			n, from, err := conn.ReadFrom(query)
			if err != nil {
				return
			}
			_, _ = conn.WriteTo(dnsAnswer(query[:n], answers), from)
		}
	}()
}

// dnsAnswer answers a question for an A record with the next address, and any
// other with nothing (RFC 1035, section 4).
func dnsAnswer(query []byte, answers <-chan [4]byte) []byte {
	end := 12
	for query[end] != 0 {
		end += int(query[end]) + 1
	}
	end += 5 // the root label, type and class
	reply := append([]byte{query[0], query[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, query[12:end]...)
	if query[end-3] == 1 { // type A
		addr := <-answers
		reply[7] = 1
		reply = append(reply, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4)
		reply = append(reply, addr[:]...)
	}
	return reply
}

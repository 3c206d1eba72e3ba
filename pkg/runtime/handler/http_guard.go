package handler

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// refused are addresses that a task has no business with: those that mean a
// link, everybody or nobody, and those where clouds hand out credentials to
// whoever asks from inside. Loopback and private networks are not among them:
// there live the services that tasks are for.
//
//   - Source: IANA special-purpose registries; the documentation of AWS, Azure
//     and GCP (169.254.169.254), Alibaba, Oracle, and the IPv6 endpoints of AWS
//     and GCP.
var refused = prefixes(
	"0.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "255.255.255.255/32",
	"::/128", "fe80::/10", "ff00::/8",
	"100.100.100.200/32", "192.0.0.192/32", "fd00:ec2::/32", "fd20:ce::254/128",
)

// translated are networks whose addresses hold an IPv4 address that something
// on the way unpacks: NAT64 in the last four bytes, 6to4 in the third to sixth.
var (
	nat64 = netip.MustParsePrefix("64:ff9b::/96")
	sixTo = netip.MustParsePrefix("2002::/16")
)

func prefixes(list ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(list))
	for i, s := range list {
		out[i] = netip.MustParsePrefix(s)
	}
	return out
}

// guard decides which addresses may be connected to.
type guard struct{ allowed []netip.Prefix }

// newGuard reads the addresses and prefixes that are allowed all the same.
//
//   - Errors: ErrInvalid.
func newGuard(allow []string) (*guard, error) {
	g := &guard{}
	for _, s := range allow {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			addr, addrErr := netip.ParseAddr(s)
			if addrErr != nil {
				return nil, &runtime.Error{
					Code: runtime.CodeInvalid, Message: fmt.Sprintf("http: %q is no address", s),
					Hint: `write allow_addresses like "169.254.10.1" or "fe80::/10"`,
				}
			}
			p = netip.PrefixFrom(addr, addr.BitLen())
		}
		g.allowed = append(g.allowed, p.Masked())
	}
	return g, nil
}

// check reports why an address is refused, or nil.
func (g *guard) check(addr netip.Addr) error {
	for _, a := range meanings(addr) {
		if within(a, refused) && !within(a, g.allowed) {
			return runtime.Permanent(&runtime.Error{
				Code: runtime.CodeDenied, Message: "address " + addr.String() + " is link-local, multicast or a metadata service",
				Hint: "if the task really must call it, name it under allow_addresses",
			})
		}
	}
	return nil
}

// meanings returns the address and the IPv4 address it may stand for.
func meanings(a netip.Addr) []netip.Addr {
	a = a.Unmap().WithZone("")
	bytes := a.As16()
	switch {
	case nat64.Contains(a):
		return []netip.Addr{a, netip.AddrFrom4([4]byte(bytes[12:]))}
	case sixTo.Contains(a):
		return []netip.Addr{a, netip.AddrFrom4([4]byte(bytes[2:6]))}
	}
	return []netip.Addr{a}
}

func within(a netip.Addr, list []netip.Prefix) bool {
	for _, p := range list {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// dial connects as the default transport does, but every address is looked at
// after its name was resolved and before anything is sent: a name cannot
// answer one address to a check and another to the connection.
func (g *guard) dial(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second, Control: g.control}
	return d.DialContext(ctx, network, address)
}

func (g *guard) control(_, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("read the address of a connection: %w", err)
	}
	return g.check(ap.Addr())
}

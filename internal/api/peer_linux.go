package api

import (
	"fmt"
	"net"
	"os/user"
	"strconv"

	"golang.org/x/sys/unix"
)

// peerOf names the account at the other end of a unix socket (SO_PEERCRED).
func peerOf(c net.Conn) string {
	const unknown = "unknown account"
	u, ok := c.(*net.UnixConn)
	if !ok {
		return unknown
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return unknown
	}
	var cred *unix.Ucred
	if e := raw.Control(func(fd uintptr) {
		cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); e != nil || err != nil {
		return unknown
	}
	if account, err := user.LookupId(strconv.FormatUint(uint64(cred.Uid), 10)); err == nil {
		return "account " + account.Username
	}
	return fmt.Sprintf("account %d", cred.Uid)
}

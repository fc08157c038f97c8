//go:build unix

package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"writ/internal/api"
	"writ/internal/config"
	"writ/internal/folder"
	"writ/internal/server"
)

// client connects to the running server of the data folder.
func (g *global) client(cmd *cobra.Command) (*api.Client, error) {
	cfg, err := g.load(cmd)
	if err != nil {
		return nil, err
	}
	return dial(cmd.Context(), cfg)
}

func dial(ctx context.Context, cfg *config.Config) (*api.Client, error) {
	dir := folder.Folder(cfg.Data)
	c, err := api.Dial(ctx, dir)
	if errors.Is(err, api.ErrNotRunning) {
		if e := dir.Check(); e != nil { // say rather that there is no such folder, or a newer one
			return nil, e
		}
	}
	return c, err
}

// clientOrOpen connects to the running server, or opens the data folder in
// this process if there is none. Close is to be called either way.
func (g *global) clientOrOpen(cmd *cobra.Command) (c *api.Client, close func() error, err error) {
	cfg, err := g.load(cmd)
	if err != nil {
		return nil, nil, err
	}
	c, err = dial(cmd.Context(), cfg)
	if !errors.Is(err, api.ErrNotRunning) {
		return c, func() error {
			if c != nil {
				c.Close()
			}
			return nil
		}, err
	}
	return openHere(cmd.Context(), cfg)
}

// openHere opens the data folder in this process.
func openHere(ctx context.Context, cfg *config.Config) (*api.Client, func() error, error) {
	if err := server.Harden(); err != nil {
		return nil, nil, err
	}
	unseal, err := unsealer(ctx, cfg, false)
	if err != nil {
		return nil, nil, err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	rooms, err := server.OpenRooms(cfg, unseal, false, log)
	if err != nil {
		return nil, nil, err
	}
	c := api.InProcess(api.Handler(rooms.Administration(programVersion(), nil, nil)))
	return c, func() error {
		c.Close()
		return rooms.Close()
	}, nil
}

// absolute makes a path one that the server understands too.
func absolute(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	return filepath.Abs(path)
}

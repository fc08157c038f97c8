package server

import (
	"context"
	"sync"
	"time"

	"writ/internal/vault"
)

// expireEvery is how often journal segments whose kept time is over are
// looked for. Their time is counted in days.
const expireEvery = time.Hour

// keepUp begins what must be done from time to time; stop ends it and waits.
func (s *Server) keepUp() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	idle := s.rooms.Vault.StartUpkeep(ctx, vault.Upkeep{Reclaim: s.cfg.Upkeep.Reclaim, Lifecycle: s.cfg.Upkeep.Lifecycle})
	var running sync.WaitGroup
	running.Go(func() { s.expireJournals(ctx) })
	running.Go(func() { s.keeper.Run(ctx) }) // ends with ctx alone
	return func() {
		cancel()
		idle()
		running.Wait()
	}
}

func (s *Server) expireJournals(ctx context.Context) {
	tick := time.NewTicker(expireEvery)
	defer tick.Stop()
	for {
		if err := s.rooms.Gate.Expire(ctx); err != nil && ctx.Err() == nil {
			s.log.Error("couldn't drop old journal segments; it will be tried again", "error", err.Error())
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

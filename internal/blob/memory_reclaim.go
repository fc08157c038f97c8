package blob

import (
	"cmp"
	"context"
	"fmt"
	"slices"
)

// ownedBatch is how many refs Reclaim asks Owners about at a time.
const ownedBatch = 256

// Reclaim implements [Store].
func (m *Memory) Reclaim(ctx context.Context, owners Owners, progress Progress) (Reclaimed, error) {
	m.reclaim.Lock()
	defer m.reclaim.Unlock()
	refs, err := m.refs()
	if err != nil {
		return Reclaimed{}, err
	}
	volumes, total := m.ripe(refs)
	var done Reclaimed
	var seen int64
	for _, volume := range volumes {
		owned, err := askOwners(ctx, owners, volume)
		if err != nil {
			return done, err
		}
		if err := m.reclaimVolume(ctx, owners, volume, owned, &done); err != nil {
			return done, err
		}
		seen += sumLengths(volume)
		if progress != nil {
			progress(seen, total)
		}
	}
	return done, nil
}

// ripe groups refs, which are in order, by volume, without the open segment
// and without volumes in which a blob is younger than the grace time.
func (m *Memory) ripe(refs []Ref) (volumes [][]Ref, total int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	limit := m.opts.Now().Add(-max(m.opts.Grace, 0))
	for len(refs) > 0 {
		volume := refs[:sameVolume(refs)]
		refs = refs[len(volume):]
		young := slices.ContainsFunc(volume, func(ref Ref) bool { return m.blobs[ref].at.After(limit) })
		if !young && volume[0].Volume != m.current {
			volumes = append(volumes, volume)
			total += sumLengths(volume)
		}
	}
	return volumes, total
}

// reclaimVolume removes an unowned file, or moves the live blobs of a segment
// away if enough of it is dead.
func (m *Memory) reclaimVolume(ctx context.Context, owners Owners, refs []Ref, owned []bool, done *Reclaimed) error {
	var dead, live []Ref
	for i, ref := range refs {
		if owned[i] {
			live = append(live, ref)
		} else {
			dead = append(dead, ref)
		}
	}
	freed := sumLengths(dead)
	if freed < int64(m.opts.Dead*float64(sumLengths(refs))) || len(dead) == 0 {
		return nil
	}
	for _, ref := range live {
		if err := m.move(ctx, owners, ref, done); err != nil {
			return err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.remove(dead...)
	done.Bytes += freed
	if refs[0].Kind == File {
		done.Files++
	} else {
		done.Segments++
	}
	return nil
}

func (m *Memory) move(ctx context.Context, owners Owners, from Ref, done *Reclaimed) error {
	m.mu.Lock()
	b, ok := m.blobs[from]
	if !ok {
		m.mu.Unlock()
		return nil
	}
	to := m.put(b.data)
	m.mu.Unlock()
	moved, err := owners.Move(ctx, from, to)
	if err != nil {
		return fmt.Errorf("couldn't move %v: %w", from, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.remove(from)
	if moved {
		done.Moved++
	} else {
		m.remove(to)
	}
	return nil
}

// askOwners asks for all refs, in batches.
func askOwners(ctx context.Context, owners Owners, refs []Ref) ([]bool, error) {
	owned := make([]bool, 0, len(refs))
	for len(refs) > 0 {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		n := min(ownedBatch, len(refs))
		answer, err := owners.Owned(ctx, refs[:n])
		if err != nil {
			return nil, fmt.Errorf("couldn't ask who owns blobs: %w", err)
		}
		if len(answer) != n {
			return nil, fmt.Errorf("couldn't ask who owns blobs: %d answers to %d questions", len(answer), n)
		}
		owned = append(owned, answer...)
		refs = refs[n:]
	}
	return owned, nil
}

func sumLengths(refs []Ref) (n int64) {
	for _, ref := range refs {
		n += ref.Length
	}
	return n
}

func compareRefs(a, b Ref) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Volume, b.Volume), cmp.Compare(a.Offset, b.Offset))
}

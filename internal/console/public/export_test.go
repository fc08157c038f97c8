package public

// MaxStreams is how many readers may follow the log at once.
const MaxStreams = maxStreams

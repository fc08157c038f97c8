package bag

// What the tests outside of the package reach inside.
var (
	OpenMessage  = openCMS
	ReadManifest = readManifest
)

// UnpackAll unpacks volumes that a test names, with no manifest to be checked.
var UnpackAll = unpackAll

public import Foundation

/// Where tests find what they need.
public enum TestPaths {
    /// The directory of Package.swift.
    public static let packageRoot = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// The fixtures that belong to the package.
    public static let fixtures = packageRoot.appending(path: "Tests/OctavoTestSupport/Fixtures")

    /// The third-party fixtures outside the package: `$OCTAVO_SHARED_FIXTURES`, else `../shared/fixtures`; nil if absent.
    public static let sharedFixtures: URL? = {
        let override = ProcessInfo.processInfo.environment["OCTAVO_SHARED_FIXTURES"]
        let place =
            override.map { URL(fileURLWithPath: $0) }
            ?? packageRoot.deletingLastPathComponent().appending(path: "shared/fixtures")
        return FileManager.default.fileExists(atPath: place.path) ? place : nil
    }()

    /// The `octavo` that was built with the tests.
    public static let octavoExecutable = executable("octavo")

    /// A program of this package: it lies beside the tests' bundle.
    public static func executable(_ name: String) -> URL {
        let program = Bundle.main.executableURL ?? URL(fileURLWithPath: CommandLine.arguments[0])
        return program.resolvingSymlinksInPath().deletingLastPathComponent().appending(path: name)
    }
}

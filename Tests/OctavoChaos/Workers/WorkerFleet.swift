import Foundation
import OctavoTestSupport

/// The workers of a trial. Those that die are started again, as a service manager would, unless told not to.
actor WorkerFleet {
    /// A worker's place; its process may be the second or third there.
    struct Post: Sendable {
        var process: RunningProcess
        /// How to start it again.
        var restart: @Sendable () throws -> RunningProcess
    }

    private(set) var posts: [Post] = []
    /// Workers that ended unasked, with their exit statuses.
    private(set) var deaths: [Int32] = []
    /// What workers that have been replaced complained.
    private var oldComplaints = ""
    private var keepsUp = true

    /// Mans one more post.
    @discardableResult
    func start(_ restart: @escaping @Sendable () throws -> RunningProcess) throws -> RunningProcess {
        let process = try restart()
        posts.append(Post(process: process, restart: restart))
        return process
    }

    /// The processes, in order of their posts.
    var processes: [RunningProcess] { posts.map(\.process) }

    /// Whether dead workers are replaced.
    func setKeepsUp(_ keepsUp: Bool) { self.keepsUp = keepsUp }

    /// Replaces dead workers.
    func keepUp() async throws {
        guard keepsUp else { return }
        for index in posts.indices {
            guard let status = await posts[index].process.wait(timeout: .zero) else { continue }
            deaths.append(status)
            oldComplaints += posts[index].process.standardError
            posts[index].process = try posts[index].restart()
        }
    }

    /// Gives up the post of a process.
    func abandon(_ process: RunningProcess) { posts.removeAll { $0.process === process } }

    /// Sends a signal to every worker.
    func signal(_ number: Int32) { for process in processes { process.signal(number) } }

    /// Asks all workers to stop, and waits; kills those that have not within `patience`.
    ///
    /// - Returns: how many had to be killed.
    func stop(patience: Duration = .seconds(60)) async -> Int {
        keepsUp = false
        signal(SIGTERM)
        signal(SIGCONT)
        var killed = 0
        for process in processes where await process.wait(timeout: patience) == nil {
            killed += 1
            process.signal(SIGKILL)
            _ = await process.wait(timeout: .seconds(10))
        }
        return killed
    }

    /// What all workers complained.
    var complaints: String { posts.reduce(oldComplaints) { $0 + $1.process.standardError } }
}

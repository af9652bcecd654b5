namespace ClipTrain.Coordinator.Hosting;

/// <summary>
/// Who a worker is and where its coordinator listens. A worker that the coordinator starts is told by environment variables:
/// a command line is open to every user of the machine. One that comes by itself makes its own.
/// </summary>
/// <param name="RunId">The run; empty for a client that only asks which runs there are.</param>
/// <param name="WorkerId">The worker's name in the run; empty for a client that does not join.</param>
public sealed record WorkerEnvironment(Uri Coordinator, string Token, string RunId, string WorkerId)
{
    public const string CoordinatorVariable = "CLIPTRAIN_COORDINATOR";
    public const string TokenVariable = "CLIPTRAIN_TOKEN";
    public const string RunVariable = "CLIPTRAIN_RUN";
    public const string WorkerVariable = "CLIPTRAIN_WORKER";
    public const string TrustedCertificateVariable = "CLIPTRAIN_CA";

    /// <summary>A PEM file: for https, the certificates of the authorities to trust instead of the system's. Null for the system's.</summary>
    public string? TrustedCertificate { get; init; }

    /// <summary>Reads this process's variables.</summary>
    /// <exception cref="InvalidOperationException">One is missing or wrong.</exception>
    public static WorkerEnvironment Read()
    {
        var address = Require(CoordinatorVariable);
        return Uri.TryCreate(address, UriKind.Absolute, out var coordinator)
            ? new WorkerEnvironment(coordinator, Require(TokenVariable), Require(RunVariable), Require(WorkerVariable)) { TrustedCertificate = Find(TrustedCertificateVariable) }
            : throw new InvalidOperationException($"The environment variable {CoordinatorVariable} must be the coordinator's address, such as http://127.0.0.1:7000, not '{address}'.");
    }

    /// <summary>Sets the variables for a process to be started.</summary>
    public void WriteTo(IDictionary<string, string?> environment)
    {
        environment[CoordinatorVariable] = Coordinator.ToString();
        environment[TokenVariable] = Token;
        environment[RunVariable] = RunId;
        environment[WorkerVariable] = WorkerId;
        environment[TrustedCertificateVariable] = TrustedCertificate;
    }

    private static string? Find(string name) => Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : null;

    private static string Require(string name) =>
        Find(name) ?? throw new InvalidOperationException($"The environment variable {name} is missing. Workers are started by `cliptrain train`, which sets it.");
}

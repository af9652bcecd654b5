namespace ClipTrain.Coordinator.Hosting;

/// <summary>Who a worker is and where its coordinator listens. Handed on by environment variables: a command line is open to every user of the machine.</summary>
public sealed record WorkerEnvironment(Uri Coordinator, string Token, string RunId, string WorkerId)
{
    public const string CoordinatorVariable = "CLIPTRAIN_COORDINATOR";
    public const string TokenVariable = "CLIPTRAIN_TOKEN";
    public const string RunVariable = "CLIPTRAIN_RUN";
    public const string WorkerVariable = "CLIPTRAIN_WORKER";

    /// <summary>Reads this process's variables.</summary>
    /// <exception cref="InvalidOperationException">One is missing or wrong.</exception>
    public static WorkerEnvironment Read()
    {
        var address = Require(CoordinatorVariable);
        return Uri.TryCreate(address, UriKind.Absolute, out var coordinator)
            ? new WorkerEnvironment(coordinator, Require(TokenVariable), Require(RunVariable), Require(WorkerVariable))
            : throw new InvalidOperationException($"The environment variable {CoordinatorVariable} must be the coordinator's address, such as http://127.0.0.1:7000, not '{address}'.");
    }

    /// <summary>Sets the variables for a process to be started.</summary>
    public void WriteTo(IDictionary<string, string?> environment)
    {
        environment[CoordinatorVariable] = Coordinator.ToString();
        environment[TokenVariable] = Token;
        environment[RunVariable] = RunId;
        environment[WorkerVariable] = WorkerId;
    }

    private static string Require(string name) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } value
            ? value
            : throw new InvalidOperationException($"The environment variable {name} is missing. Workers are started by `cliptrain train`, which sets it.");
}

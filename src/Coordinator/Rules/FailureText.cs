using System.Globalization;
using System.Text;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Rules;

/// <summary>Messages about a run that ended early.</summary>
internal static class FailureText
{
    private const int MostFurtherCauses = 3;

    /// <summary>
    /// The root failure, a short list of others, and the last output lines of the worker at the root. Failed collectives are
    /// consequences and omitted.
    /// </summary>
    public static string Cause(RunState state)
    {
        var root = Root(state);
        var further = state
            .Failures.Where(failure =>
                failure.Kind != FailureKind.CollectiveFailed
                && failure != root
                && !string.Equals(failure.Text, root.Text, StringComparison.Ordinal)
            )
            .DistinctBy(Describe, StringComparer.Ordinal)
            .ToList();
        var text = new StringBuilder(Repetition(state)).Append(Describe(root));
        foreach (var other in further.Take(MostFurtherCauses))
        {
            text.Append("; then ").Append(Describe(other));
        }

        if (further.Count > MostFurtherCauses)
        {
            text.Append(CultureInfo.InvariantCulture, $"; and {further.Count - MostFurtherCauses} more");
        }

        foreach (var line in root.LastLines)
        {
            text.Append("\n  | ").Append(line);
        }

        return text.ToString();
    }

    /// <summary>
    /// The report of a worker that could not continue, which ends a run by itself; otherwise the first failure that is not a consequence.
    /// </summary>
    public static WorkerFailure Root(RunState state) =>
        state.Failures.FirstOrDefault(failure => failure.Kind == FailureKind.Reported)
        ?? state.Failures.FirstOrDefault(failure => failure.Kind != FailureKind.CollectiveFailed)
        ?? state.Failures[0];

    public static string Resumable(RunState state) =>
        state.LastCheckpoint is { } checkpoint
            ? $"resumable from step {checkpoint.Step}: cliptrain resume {state.Spec.ResumeAs ?? state.Spec.RunId}"
            : "no checkpoint was written";

    public static string Describe(WorkerFailure failure) =>
        failure.Kind is FailureKind.Reported or FailureKind.CollectiveFailed
            ? $"{failure.Label}: {failure.Text}"
            : $"{failure.Label} {failure.Text}";

    /// <summary>The reason why failures that a run usually survives ended this run; empty after a report.</summary>
    private static string Repetition(RunState state)
    {
        if (state.Failures.Any(failure => failure.Kind == FailureKind.Reported))
        {
            return "";
        }

        if (state.Members.FirstOrDefault(member => member.FruitlessStarts >= WorkerLoss.MaxFruitlessStarts) is { } stuck)
        {
            return $"{stuck.WorkerId} ended {stuck.FruitlessStarts} times in a row before it had a rank: ";
        }

        return state.FruitlessGenerations >= state.Spec.MaxFruitlessGenerations
            ? $"{state.FruitlessGenerations} generations in a row broke without a new step: "
            : "";
    }
}

/// <summary>Descriptions of exit codes. A process ended by signal n has exit code 128 + n.</summary>
public static class ExitDescription
{
    public static string Of(int exitCode) =>
        exitCode switch
        {
            0 => "exited without reporting an outcome (exit code 0)",
            128 + 4 => "crashed (SIGILL); was it built for another processor?",
            128 + 6 => "aborted (SIGABRT)",
            128 + 7 => "crashed (SIGBUS); is a disk or /dev/shm full?",
            128 + 8 => "crashed (SIGFPE)",
            128 + 9 => "was killed (SIGKILL); out of memory?",
            128 + 11 => "crashed (SIGSEGV, a segmentation fault)",
            128 + 15 => "was terminated (SIGTERM)",
            > 128 and <= 128 + 64 => $"was ended by signal {exitCode - 128}",
            _ => $"exited with code {exitCode}",
        };

    /// <summary>True if the process made an error that ended it: an abort, or a signal of its processor.</summary>
    public static bool IsCrash(int exitCode) => exitCode is 128 + 4 or 128 + 6 or 128 + 7 or 128 + 8 or 128 + 11;
}

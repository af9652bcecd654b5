using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Rules;

/// <summary>Exit codes in words. A process that a signal n ended shows as 128 + n.</summary>
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
}

using System.ComponentModel;
using System.Diagnostics;

namespace ClipTrain.EndToEnd.Tests.Cluster;

/// <summary>Short-lived system program.</summary>
internal static class Tool
{
    /// <summary>Runs the program to the end.</summary>
    /// <exception cref="ToolException">The program is missing or failed.</exception>
    public static void Run(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardError = true, UseShellExecute = false };
        try
        {
            using var process = Process.Start(start)!;
            var error = process.StandardError.ReadToEnd().Trim();
            process.WaitForExit();
            if (process.ExitCode != 0)
            {
                throw new ToolException($"{program} {string.Join(' ', arguments)}: {error}");
            }
        }
        catch (Win32Exception error)
        {
            throw new ToolException($"{program}: {error.Message}");
        }
    }
}

internal sealed class ToolException(string message) : Exception(message);

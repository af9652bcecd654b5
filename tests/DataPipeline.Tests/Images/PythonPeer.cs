using System.Diagnostics;

namespace ClipTrain.DataPipeline.Tests.Images;

/// <summary>Runs a script beside the tests with Debian's Python, which has the packages to compare with.</summary>
internal static class PythonPeer
{
    public static void Run(string script, params string[] arguments)
    {
        var start = new ProcessStartInfo("/usr/bin/python3") { RedirectStandardError = true, UseShellExecute = false };
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, script));
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        using var process = Start(start);
        var errors = process.StandardError.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode == 0)
        {
            return;
        }

        var advice = errors.Contains("ModuleNotFoundError", StringComparison.Ordinal)
            ? "scripts/setup --peers installs what is missing.\n"
            : "";
        throw new InvalidOperationException($"{script} failed. {advice}{errors}");
    }

    private static Process Start(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start)!;
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            throw new InvalidOperationException($"{start.FileName} does not start; scripts/setup --peers installs it", e);
        }
    }
}

using System.Diagnostics;

namespace ClipTrain.Torch.Tests;

/// <summary>Runs a script of the folder Python/ with Debian's PyTorch.</summary>
internal static class PythonPeer
{
    public static Process Start(string script, params string[] arguments)
    {
        var start = new ProcessStartInfo("/usr/bin/python3") { RedirectStandardError = true, UseShellExecute = false };
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "Python", script));
        foreach (string argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        start.Environment["OMP_NUM_THREADS"] = "1";
        start.Environment["OPENBLAS_NUM_THREADS"] = "1";
        return Process.Start(start)!;
    }

    /// <summary>Runs a script to its end; it must succeed.</summary>
    public static void Run(string script, params string[] arguments)
    {
        using Process process = Start(script, arguments);
        string errors = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, $"{script} failed (is python3-torch installed? scripts/setup --peers): {errors}");
    }
}

using System.Diagnostics;

namespace ClipTrain.Bench.OpenClip;

/// <summary>Programs that the comparison starts: open_clip_peer.py in Debian's Python, and cliptrain.</summary>
internal static class Script
{
    /// <summary>Runs a command of open_clip_peer.py. Returns the versions of open_clip and PyTorch.</summary>
    public static string OpenClip(params string[] arguments) =>
        Run(
            "/usr/bin/python3",
            [Path.Combine(AppContext.BaseDirectory, "open_clip_peer.py"), .. arguments],
            "open_clip failed. scripts/setup --peers installs PyTorch; PYTHONPATH must name open_clip's src folder."
        );

    /// <param name="program">Path of cliptrain.</param>
    /// <param name="arguments">Its arguments.</param>
    public static void ClipTrain(string program, params string[] arguments) =>
        Run(program, arguments, $"{program} {string.Join(' ', arguments)} failed.");

    private static string Run(string program, string[] arguments, string failed)
    {
        using var process = Process.Start(
            new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, UseShellExecute = false }
        )!;
        var output = process.StandardOutput.ReadToEnd().Trim();
        process.WaitForExit();
        return process.ExitCode == 0 ? output : throw new InvalidOperationException(failed);
    }
}

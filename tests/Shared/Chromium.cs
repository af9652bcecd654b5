using System.Diagnostics;

namespace ClipTrain.Tests.Shared;

/// <summary>Debian's Chromium without a window, which scripts/setup --peers installs.</summary>
internal static class Chromium
{
    /// <summary>Opens a page and lets its scripts run for a while of virtual time.</summary>
    /// <param name="path">The page's file.</param>
    /// <param name="options">Further options of the browser. It has no window narrower than 500 pixels.</param>
    /// <returns>The document as the scripts have left it, and the lines of the console.</returns>
    public static async Task<(string Document, IReadOnlyList<string> Console)> OpenAsync(string path, params IReadOnlyList<string> options)
    {
        string[] arguments =
        [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--enable-logging=stderr",
            $"--user-data-dir={Path.GetDirectoryName(path)}/browser",
            "--virtual-time-budget=20000",
            .. options,
            "--dump-dom",
            $"file://{path}",
        ];
        using var browser = Process.Start(
            new ProcessStartInfo("chromium", arguments)
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                UseShellExecute = false,
            }
        )!;
        var errors = browser.StandardError.ReadToEndAsync();
        var document = await browser.StandardOutput.ReadToEndAsync();
        await browser.WaitForExitAsync();
        return document.Length > 0
            ? (document, [.. (await errors).Split('\n').Where(line => line.Contains(":CONSOLE", StringComparison.Ordinal))])
            : throw new InvalidOperationException(await errors);
    }
}

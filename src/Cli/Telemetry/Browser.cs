using System.ComponentModel;
using System.Diagnostics;

namespace ClipTrain.Cli.Telemetry;

/// <summary>The user's web browser.</summary>
internal static class Browser
{
    /// <summary>Opens an address in the browser, or prints a hint if there is none.</summary>
    public static void Open(Uri address)
    {
        try
        {
            using var browser = Process.Start(
                new ProcessStartInfo("xdg-open", address.ToString()) { RedirectStandardError = true, UseShellExecute = false }
            );
        }
        catch (Win32Exception)
        {
            Console.Error.WriteLine($"xdg-open is not installed: open {address} in a browser.");
        }
    }
}

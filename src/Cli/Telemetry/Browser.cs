using System.ComponentModel;
using System.Diagnostics;

namespace ClipTrain.Cli.Telemetry;

/// <summary>The user's browser.</summary>
internal static class Browser
{
    /// <summary>Opens an address; says so where there is no browser to be found.</summary>
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
            Console.Error.WriteLine($"There is no xdg-open on this machine: open {address} in a browser.");
        }
    }
}

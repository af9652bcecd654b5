using System.Reflection;
using System.Text;

namespace ClipTrain.Monitoring.Page;

/// <summary>The page's files, embedded in this assembly.</summary>
internal static class PageAssets
{
    private static readonly string[] s_scripts = ["uPlot.js", "data.js", "charts.js", "probe.js", "sweep.js", "page.js"];
    private static readonly string[] s_styles = ["uPlot.css", "page.css"];

    /// <summary>A script or stylesheet; null if there is none of that name.</summary>
    public static string? Find(string name)
    {
        if (!s_scripts.Contains(name, StringComparer.Ordinal) && !s_styles.Contains(name, StringComparer.Ordinal))
        {
            return null;
        }

        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(name);
        if (stream is null)
        {
            return null;
        }

        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }

    /// <summary>The page that loads its data from a server.</summary>
    public static string Live() =>
        Page(
            string.Concat(s_styles.Select(name => $"<link rel=\"stylesheet\" href=\"{name}\">")),
            string.Concat(s_scripts.Select(name => $"<script src=\"{name}\"></script>"))
        );

    /// <summary>The page as one file with embedded data.</summary>
    /// <param name="data">JSON: runs, details and series by run.</param>
    public static string Report(string data)
    {
        // Escape <, since "</" and "<!--" would end or change a script element.
        var safe = data.Replace("<", "\\u003c", StringComparison.Ordinal);
        var scripts = new StringBuilder($"<script>const REPORT = {safe};</script>");
        foreach (var name in s_scripts)
        {
            scripts.Append($"<script>{Find(name)}</script>");
        }

        return Page(string.Concat(s_styles.Select(name => $"<style>{Find(name)}</style>")), scripts.ToString());
    }

    private static string Page(string styles, string scripts)
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream("page.html")!;
        using var reader = new StreamReader(stream);
        return reader
            .ReadToEnd()
            .Replace("<!-- styles -->", styles, StringComparison.Ordinal)
            .Replace("<!-- scripts -->", scripts, StringComparison.Ordinal);
    }
}

using System.ComponentModel;
using System.Diagnostics;
using ClipTrain.DataPipeline.Corpus;

namespace ClipTrain.DataPipeline.Import.Labelled;

/// <summary>Files of Debian packages, downloaded and unpacked into a folder. Needs no root and installs nothing.</summary>
internal sealed class DebianPackage(string workFolder)
{
    private bool _updated;

    /// <summary>A file of a package: where it is installed, or else unpacked from the downloaded package.</summary>
    /// <param name="package">The package's name.</param>
    /// <param name="file">The file's path under /.</param>
    /// <exception cref="CorpusException">apt-get is missing or failed.</exception>
    public string Get(string package, string file)
    {
        if (File.Exists($"/{file}"))
            return $"/{file}";
        var root = Path.Combine(workFolder, package);
        var path = Path.Combine(root, file);
        if (!File.Exists(path))
        {
            Directory.CreateDirectory(Path.Combine(workFolder, "lists", "partial"));
            Directory.CreateDirectory(Path.Combine(workFolder, "archives", "partial"));
            if (!_updated)
                Run(package, "apt-get", workFolder, [.. Apt(), "update"]);
            _updated = true;
            Run(package, "apt-get", workFolder, [.. Apt(), "download", package]);
            Run(package, "dpkg-deb", workFolder, ["-x", Directory.GetFiles(workFolder, $"{package}_*.deb").Single(), root]);
        }

        return File.Exists(path)
            ? path
            : throw new CorpusException($"Debian's package {package} holds no {file}; this version of it is laid out otherwise.");
    }

    /// <summary>Lists of its own, as the system's are root's.</summary>
    private string[] Apt() =>
        [
            "-q",
            "-o",
            $"Dir::State::Lists={Path.Combine(workFolder, "lists")}",
            "-o",
            $"Dir::Cache={workFolder}",
            "-o",
            "Debug::NoLocking=1",
        ];

    private static void Run(string package, string program, string folder, IReadOnlyList<string> arguments)
    {
        try
        {
            using var process = Process.Start(
                new ProcessStartInfo(program, arguments)
                {
                    WorkingDirectory = folder,
                    RedirectStandardOutput = true,
                    RedirectStandardError = true,
                    UseShellExecute = false,
                }
            )!;
            var output = process.StandardOutput.ReadToEndAsync();
            var errors = process.StandardError.ReadToEnd();
            process.WaitForExit();
            output.GetAwaiter().GetResult();
            if (process.ExitCode != 0)
                throw new CorpusException(
                    $"{program} could not fetch Debian's package {package}; check the network and the sources of apt. It "
                        + $"said:\n{errors.Trim()}"
                );
        }
        catch (Win32Exception error)
        {
            throw new CorpusException(
                $"{program} cannot be started ({error.Message}): this demo set comes from Debian's package {package}, which only Debian "
                    + "and its like can fetch.",
                error
            );
        }
    }
}

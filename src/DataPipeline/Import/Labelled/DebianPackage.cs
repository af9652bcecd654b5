using ClipTrain.DataPipeline.Corpus;

namespace ClipTrain.DataPipeline.Import.Labelled;

/// <summary>Files of Debian packages, downloaded and unpacked into a folder. Needs no root and installs nothing.</summary>
internal sealed class DebianPackage(string workFolder)
{
    private bool _updated;

    /// <summary>Path of a package's file: where the package is installed, otherwise unpacked from a download.</summary>
    /// <param name="package">The package's name.</param>
    /// <param name="file">The file's path below /.</param>
    /// <exception cref="CorpusException">apt-get is not installed or failed, or the package has no such file.</exception>
    public string Get(string package, string file)
    {
        if (File.Exists($"/{file}"))
        {
            return $"/{file}";
        }

        var root = Path.Combine(workFolder, package);
        var path = Path.Combine(root, file);
        if (!File.Exists(path))
        {
            Download(package, root);
        }

        return File.Exists(path)
            ? path
            : throw new CorpusException($"Debian's package {package} has no file {file}: this version has another layout");
    }

    private void Download(string package, string root)
    {
        var tool = new PackageTool(
            $"Debian's package {package} could not be downloaded: check the network and apt's sources",
            $"This demo set comes from Debian's package {package}, which can only be downloaded on Debian and its derivatives"
        );
        Directory.CreateDirectory(Path.Combine(workFolder, "lists", "partial"));
        Directory.CreateDirectory(Path.Combine(workFolder, "archives", "partial"));
        if (!_updated)
        {
            tool.Run("apt-get", workFolder, [.. Apt(), "update"]);
        }

        _updated = true;
        tool.Run("apt-get", workFolder, [.. Apt(), "download", package]);
        tool.Run("dpkg-deb", workFolder, ["-x", Directory.GetFiles(workFolder, $"{package}_*.deb").Single(), root]);
    }

    /// <summary>Options that keep apt's lists and cache in the work folder, since the system's belong to root.</summary>
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
}

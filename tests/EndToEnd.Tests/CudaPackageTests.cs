using System.Diagnostics;
using System.IO.Compression;
using ClipTrain.EndToEnd.Tests.Cluster;

namespace ClipTrain.EndToEnd.Tests;

/// <summary>Builds for GPUs on machines whose package sources have, or lack, TorchSharp-cuda-linux. Other packages come from the cache.</summary>
public sealed class CudaPackageTests : IDisposable
{
    private const string Package = "TorchSharp-cuda-linux",
        Version = "0.107.0";
    private readonly string _folder = Directory.CreateTempSubdirectory("cliptrain-cuda-").FullName;

    public CudaPackageTests()
    {
        string[] shared = ["Directory.Build.props", "Directory.Build.targets", "Directory.Packages.props", "global.json"];
        foreach (var file in shared.Append("src/Torch/Torch.csproj"))
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Place(file))!);
            File.Copy(Path.Combine(Repository.Root, file), Place(file));
        }

        Directory.CreateDirectory(Place("feed"));
        UseSource("feed");
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_missing_package_is_one_clear_message() =>
        AssertRefused($"A build for GPUs needs the package {Package}, which the package sources of this machine do not serve. Add one");

    [Fact]
    public void A_source_that_does_not_answer_is_another_message()
    {
        // Nothing listens on the port of the discard service.
        UseSource("http://127.0.0.1:9/index.json");
        AssertRefused($"A build for GPUs needs the package {Package}, and a package source of this machine does not answer. Connect");
    }

    [Fact]
    public void A_package_that_is_served_or_a_libtorch_that_is_named_is_taken()
    {
        Assert.Equal(0, Restore(("LIBTORCH", "/opt/libtorch")).Exit);
        Serve();
        var (exit, said) = Restore();
        Assert.True(exit == 0, said);
        Assert.Contains($"\"{Package}/{Version}\"", File.ReadAllText(Place("src/Torch/obj/project.assets.json")), StringComparison.Ordinal);
    }

    private void AssertRefused(string message)
    {
        var (exit, said) = Restore();

        Assert.Equal(1, exit);
        var errors = said.Split('\n').Where(line => line.Contains("error", StringComparison.Ordinal)).ToList();
        Assert.All(errors, line => Assert.Contains(message, line, StringComparison.Ordinal));
        Assert.Single(errors.Distinct(StringComparer.Ordinal));
        Assert.Contains("set LIBTORCH to the folder of a libtorch 2.10 for CUDA", said, StringComparison.Ordinal);
    }

    private void UseSource(string source)
    {
        var cache =
            Environment.GetEnvironmentVariable("NUGET_PACKAGES")
            ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");
        File.WriteAllText(
            Place("nuget.config"),
            $"""
            <configuration>
              <packageSources><clear /><add key="source" value="{source}" allowInsecureConnections="true" /></packageSources>
              <fallbackPackageFolders><add key="cache" value="{cache}" /></fallbackPackageFolders>
            </configuration>
            """
        );
    }

    /// <summary>Puts an empty package of that name into the source.</summary>
    private void Serve()
    {
        using var package = ZipFile.Open(Place($"feed/{Package}.{Version}.nupkg"), ZipArchiveMode.Create);
        using var writer = new StreamWriter(package.CreateEntry($"{Package}.nuspec").Open());
        writer.Write(
            $"<package><metadata><id>{Package}</id><version>{Version}</version><authors>a</authors><description>d</description></metadata></package>"
        );
    }

    private (int Exit, string Said) Restore(params (string Name, string Value)[] environment)
    {
        var start = new ProcessStartInfo("dotnet", ["restore", "src/Torch/Torch.csproj", "-p:ClipTrainDevice=cuda", "--nologo"])
        {
            WorkingDirectory = _folder,
            RedirectStandardOutput = true,
            UseShellExecute = false,
            Environment = { ["NUGET_PACKAGES"] = Place("packages"), ["LIBTORCH"] = "" },
        };
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        using var restore = Process.Start(start)!;
        var said = restore.StandardOutput.ReadToEnd();
        restore.WaitForExit();
        return (restore.ExitCode, said);
    }

    private string Place(string path) => Path.Combine(_folder, path);
}

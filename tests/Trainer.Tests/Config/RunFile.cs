using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Options;

namespace ClipTrain.Trainer.Tests.Config;

/// <summary>A run file in its own temporary folder.</summary>
internal sealed class RunFile : IDisposable
{
    /// <summary>A small valid run.</summary>
    public const string Valid = """
        name: small
        model:
          embed_dim: 16
          image:
            size: 32
            patch: 8
            width: 16
            layers: 1
            heads: 2
          text:
            width: 16
            layers: 1
            heads: 2
        data:
          train: [corpus]
        training:
          global_batch: 8
          steps: 10
        """;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("cliptrain-config-");

    public RunFile(string yaml = Valid)
    {
        Path = Write("run.yaml", yaml);
    }

    public string Path { get; }

    /// <summary>Writes another file, relative to the run file's folder.</summary>
    public string Write(string name, string text)
    {
        var path = System.IO.Path.Combine(_folder.FullName, name);
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
        return path;
    }

    public RunOptions Load(params string[] sets) => RunConfig.Load(Path, sets).Options;

    /// <summary>The errors of loading, without the name of the folder.</summary>
    public IReadOnlyList<string> Errors(params string[] sets)
    {
        var exception = Assert.Throws<ConfigException>(() => Load(sets));
        return
        [
            .. exception.Errors.Select(error =>
                error.Replace(_folder.FullName + System.IO.Path.DirectorySeparatorChar, "", StringComparison.Ordinal)
            ),
        ];
    }

    /// <summary>The only error of loading.</summary>
    public string Error(params string[] sets) => Assert.Single(Errors(sets));

    public void Dispose() => _folder.Delete(recursive: true);
}

using ClipTrain.Cli.Runs;
using ClipTrain.Tests.Shared;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Runs;

namespace ClipTrain.Cli.Tests.Runs;

public sealed class RunFolderTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private RunFiles Run => new(_folder.File("mine"));

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Killing_the_creator_before_any_operation_leaves_no_run_or_a_complete_one()
    {
        KilledFiles.AtEveryOperation(
            exchanges: true,
            files =>
            {
                if (Directory.Exists(Run.Directory))
                {
                    Directory.Delete(Run.Directory, recursive: true);
                }

                RunFolder.Create(Run, Write, files);
            },
            _ =>
            {
                Assert.Equal(Directory.Exists(Run.Directory), File.Exists(Run.Config) && File.Exists(Run.Manifest));
                if (!Directory.Exists(Run.Directory))
                {
                    RunFolder.Create(Run, Write);
                }

                Assert.True(File.Exists(Run.Manifest));
            }
        );

        Assert.Equal("mine", Path.GetFileName(Assert.Single(Directory.GetDirectories(Path.GetDirectoryName(Run.Directory)!))));
    }

    [Fact]
    public void A_second_creator_fails_and_changes_nothing()
    {
        var error = Assert.Throws<UsageException>(() =>
            RunFolder.Create(
                Run,
                aside =>
                {
                    Write(aside);
                    RunFolder.Create(Run, Write);
                    File.WriteAllText(Run.Config, "the first's");
                }
            )
        );

        Assert.Contains("another process", error.Message, StringComparison.Ordinal);
        Assert.Equal("the first's", File.ReadAllText(Run.Config));
    }

    [Fact]
    public void A_half_created_run_is_an_error_with_a_remedy()
    {
        Directory.CreateDirectory(Run.Directory);
        File.WriteAllText(Run.Config, "name: mine");

        Assert.Contains(
            "its creation was interrupted",
            Assert.Throws<UsageException>(() => PreparedRun.Resume(Run.Directory, step: null)).Message,
            StringComparison.Ordinal
        );
    }

    private static void Write(RunFiles files)
    {
        File.WriteAllText(files.Config, "name: mine");
        File.WriteAllText(files.Manifest, "{}");
    }
}

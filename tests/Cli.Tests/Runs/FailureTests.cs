using System.Net.Sockets;
using ClipTrain.Cli.Runs;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Tests.Shared;
using ClipTrain.Trainer.Config;
using ClipTrain.Weights.Tensors;

namespace ClipTrain.Cli.Tests.Runs;

public sealed class FailureTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    public static TheoryData<Exception, int> Expected =>
        new()
        {
            { new IOException("No space left on device : '/runs/mine/config.yaml'"), 7 },
            { new UnauthorizedAccessException("Access to the path '/runs' is denied."), 7 },
            { new FileNotFoundException("Could not find file '/a'."), 7 },
            { new InvalidDataException("ledger/000001.jsonl, line 3: is not a ledger entry."), 7 },
            { new AggregateException(new InvalidOperationException("x", new IOException("Read-only file system"))), 7 },
            { new InvalidOperationException("x", new WeightsException("step-1: is damaged")), 7 },
            { new IOException("wrapped", new CoordinatorStartException("taken")), 2 },
            {
                new CoordinatorStartException(
                    "cluster/identity: version 1 cannot be written",
                    new IOException("x", new IOException("No space left on device", 28))
                ),
                7
            },
            { new SocketException((int)SocketError.TooManyOpenSockets), 3 },
        };

    [Theory]
    [MemberData(nameof(Expected))]
    public void A_failure_that_the_user_can_fix_is_a_message(Exception error, int exitCode)
    {
        var failure = Failure.Of(error);

        Assert.Equal(exitCode, failure?.ExitCode);
        Assert.DoesNotContain("   at ", failure!.Value.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_internal_error_stays_one()
    {
        Assert.Null(Failure.Of(new NullReferenceException()));
        Assert.Null(Failure.Of(new InvalidOperationException("x", new FormatException("y"))));
    }

    [Fact]
    public void A_token_file_that_is_a_folder_is_named_in_the_error()
    {
        Directory.CreateDirectory(_folder.File("token"));

        Assert.Contains(
            "--token-file",
            Assert.Throws<UsageException>(() => AccessToken.Find(token: null, _folder.File("token"), _ => { })).Message,
            StringComparison.Ordinal
        );
    }

    [Theory]
    [InlineData(UnixFileMode.UserRead | UnixFileMode.UserWrite, false)]
    [InlineData(UnixFileMode.UserRead | UnixFileMode.GroupRead, true)]
    [InlineData(UnixFileMode.UserRead | UnixFileMode.OtherRead, true)]
    [InlineData(UnixFileMode.UserRead | UnixFileMode.OtherWrite, true)]
    public void A_token_file_that_other_users_can_read_or_change_is_one_warning_with_its_remedy(UnixFileMode mode, bool isTold)
    {
        var file = _folder.File("token");
        File.WriteAllText(file, "secret\n");
        File.SetUnixFileMode(file, mode);
        var told = new List<string>();

        Assert.Equal("secret", AccessToken.Find(token: null, file, told.Add));
        Assert.Equal(isTold ? 1 : 0, told.Count);
        Assert.All(told, line => Assert.Contains($"chmod 600 {file}", line, StringComparison.Ordinal));
    }

    [Fact]
    public void A_token_is_created_again_after_its_creator_was_killed_and_then_kept()
    {
        File.WriteAllText(_folder.File("token"), "");
        File.WriteAllText(_folder.File("token.partial"), "half");

        var token = AccessToken.Keep(_folder.File("token"));

        Assert.Matches("^[0-9a-f]{64}$", token);
        Assert.Equal(token, AccessToken.Keep(_folder.File("token")));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(_folder.File("token")));
    }
}

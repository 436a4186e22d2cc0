<?php
// PHPMailer, as most PHP applications send: the body of its standard input, under a subject.
//   mailer.php SUBJECT
require 'libphp-phpmailer/autoload.php';
$mail = new PHPMailer\PHPMailer\PHPMailer(true);
$mail->isSMTP();
$mail->Host = 'localhost';
$mail->Port = (int) getenv('GP_SMTP');
$mail->SMTPAuth = true;
$mail->SMTPAutoTLS = false;
$mail->SMTPSecure = ['none' => '', 'starttls' => 'tls', 'implicit' => 'ssl'][getenv('GP_TLS')];
$mail->SMTPOptions = ['ssl' => ['cafile' => getenv('GP_CA')]];
$mail->Username = getenv('GP_USER');
$mail->Password = getenv('GP_PASSWORD');
$mail->setFrom(getenv('GP_MAILBOX'));
$mail->addAddress(getenv('GP_MAILBOX'));
$mail->Subject = $argv[1];
$mail->Body = stream_get_contents(STDIN);
$mail->send();
